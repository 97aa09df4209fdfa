package task

import "github.com/heddle-go/heddle/internal/rt"

// Places under the limit of a Group.
//
// A member has one place, which all of its parts share. The parts are the member's task and the tasks of the calls that it has
// forked, as far as other workers have taken them, with the calls that those have forked. Under the group's mu a member is in one of
// four states:
//
//	has      It has a place, which counts in active.
//	lent     At least one part waits in Go or Wait of a group (waits > 0). The place is another member's.
//	asks     No part waits in a group. One part waits in back for the place (asks).
//	without  None of these: the part that waited in back was cancelled, and went on.
//
// and these are the steps:
//
//	P1 lend    A part is about to wait in a group: it counts itself in waits.
//	           has -> lent: it passes the place on (P3).
//	           asks -> lent: the part that waits in back goes on. It leaves asking to the last part that waits.
//	P2 return  A part has waited in a group: it leaves waits. If other parts still wait in groups, it goes on. The last one
//	           lent -> has if a place is free; otherwise lent -> asks, and the part waits in back.
//	P3 pass    A place has become free. It goes to the first member in back: asks -> has, and its part goes on. If there is none,
//	           it goes to the first caller of Go in more. If there is none, active is lowered.
//	P4 quit    The part in back is cancelled, leaves back and goes on: asks -> without.
//
// A member so has a place only while none of its parts waits for anything that depends on a place:
//
//	place  =>  waits = 0 and no part is in back
//
// Only P2 and P3 set place, and both find waits = 0 and leave back empty; P1 clears place before a part waits.
//
// # No deadlock
//
// Suppose that functions wait only in groups and for the calls that they have forked, and that no member waits, directly or through
// groups and members in between, for a group that it belongs to. (That would never end, whatever the limit.)
//
// 1. A member with a place can run. By the invariant each of its parts runs, or joins a call that another part makes. These joins
// form a tree, because a part joins only what it has forked, and the parts at the leaves run.
//
// 2. So every place becomes free: the member ends, or a part of it gets to P1.
//
// 3. So every part in back goes on, because P3 serves back first, and in order. Every caller of Go in more gets a place, because only
// members that have started come to back, and these end. Until the new member has started, its place is the caller's, who runs, or
// waits for room in the scheduler's queue. Workers empty that queue whichever members have the places.
//
// 4. A part in Wait waits for members. By 1 and 3 each of these runs on to its end or to a Wait of another group. A chain of Waits
// never comes back to a group in it, so it ends at one whose members end.
//
// Two parts of one member must never wait in back: the first would get the place, might join the second, and this one would wait for
// the place that its own member has.

// tryPlace takes a place under the limit if one is free.
func (g *Group) tryPlace() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.active >= g.limit {
		return false
	}
	g.active++
	return true
}

// release passes on a place that has become free. by is the running task, or nil.
func (g *Group) release(by *Ctx) {
	g.mu.Lock()
	w := g.pass()
	g.mu.Unlock()
	wakeAll(w, by)
}

// pass is P3. It returns the waiter that the caller has to wake, or nil. The caller holds mu.
func (g *Group) pass() *queued {
	if w := g.back.pop(); w != nil {
		w.member.place = true
		return w
	}
	if w := g.more.pop(); w != nil {
		return w
	}
	g.active--
	return nil
}

// lend gives up the member's place while its part c waits in an operation of a group. It reports whether c has to call takeBack
// afterwards. m may be nil.
func (m *member) lend(c *Ctx) bool {
	if m == nil || !m.g.limited {
		return false
	}
	g := m.g
	g.mu.Lock()
	w := m.lendPlace()
	g.mu.Unlock()
	wakeAll(w, c)
	return true
}

// lendPlace is P1. It returns the waiter that the caller has to wake, or nil. The caller holds the group's mu.
func (m *member) lendPlace() *queued {
	m.waits++
	if m.place {
		m.place = false
		return m.g.pass()
	}
	w := m.asks
	if w != nil {
		w.leave()
	}
	return w
}

// takeBack waits for the member's place if its part c is the one that needs it, until c is cancelled.
func (m *member) takeBack(c *Ctx) {
	g := m.g
	g.mu.Lock()
	if m.takePlace() {
		g.mu.Unlock()
		return
	}
	w := g.back.push(&g.mu, c, c)
	w.Reason = rt.WaitPlace
	m.ask(w)
	g.mu.Unlock()
	_ = w.wait() // a part that is cancelled goes on without a place
}

// takePlace is P2. It reports whether the part can go on; otherwise it has to wait in back. The caller holds the group's mu.
func (m *member) takePlace() bool {
	if m.waits--; m.waits > 0 {
		return true
	}
	g := m.g
	if g.active >= g.limit {
		return false
	}
	g.active++
	m.place = true
	return true
}

// ask makes w, which is in back, the wait for the member's place. When w leaves back, it asks no more. The caller holds the
// group's mu.
func (m *member) ask(w *queued) { m.asks, w.member = w, m }
