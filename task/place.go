package task

import "github.com/heddle-go/heddle/internal/rt"

// Places under the limit of a Group.

// tryPlace takes a place under the limit if one is free.
func (g *Group) tryPlace() bool {
	g.made()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.active >= g.limit {
		return false
	}
	g.active++
	return true
}

// release gives a place to who waits for one first; members that want theirs back come before new ones. by is the
// running task, or nil.
func (g *Group) release(by *Ctx) {
	g.mu.Lock()
	w := g.back.pop()
	if w == nil {
		w = g.more.pop()
	}
	if w == nil {
		g.active--
	}
	g.mu.Unlock()
	if w != nil {
		w.Wake(by)
	}
}

// lend gives up the member's place while its task, c, waits in an operation of a group, and reports whether it had one. m
// may be nil.
func (m *member) lend(c *Ctx) bool {
	if m == nil || m.g.limit < 0 {
		return false
	}
	g := m.g
	g.mu.Lock()
	m.waits++
	had := m.place
	m.place = false
	g.mu.Unlock()
	if had {
		g.release(c)
	}
	return true
}

// takeBack waits for a place again, unless others of the member still wait: then the last of them does. There is no deadlock: who
// waits in a group has no place, nor has the member of which he is a part, so each place is with a member of which
// nobody waits, and which will end or lend it.
func (m *member) takeBack(c *Ctx) {
	g := m.g
	g.mu.Lock()
	if m.waits--; m.waits > 0 || m.place {
		g.mu.Unlock()
		return
	}
	if g.active < g.limit {
		g.active++
		m.place = true
		g.mu.Unlock()
		return
	}
	w := g.back.push(&g.mu, c, c)
	w.Why = rt.WaitPlace
	g.mu.Unlock()
	if w.wait() != nil {
		return
	}
	g.mu.Lock()
	keep := m.waits == 0 && !m.place
	m.place = m.place || keep
	g.mu.Unlock()
	if !keep {
		g.release(c) // somebody else of the member has come to wait, and lent nothing; or has one
	}
}
