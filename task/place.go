package task

import "github.com/heddle-go/heddle/internal/rt"

// Places under the limit of a Group.
//
// A member has one place, which all its parts share. The parts are the member's task, the calls
// that the task has forked and other workers have stolen, and the calls stolen from those. Under
// the group's mu, a member is in one of four states:
//
//	has      The member has a place, which counts in active.
//	lent     At least one part waits in Go or Wait of a group (waits > 0). The place was passed
//	         on.
//	asks     No part waits in a group. One part waits in back for the place (asks).
//	without  None of these: the part that waited in back was cancelled, and went on.
//
// The Place protocol has four steps:
//
//	Place-P1 lend    A part is about to wait in a group: it counts itself in waits.
//	                 has -> lent: it passes the place on (Place-P3).
//	                 asks -> lent: the part that waits in back goes on. From now on, the last part
//	                 that waits in a group asks for the place.
//	Place-P2 return  A part has waited in a group: it leaves waits. If other parts still wait in
//	                 groups, it goes on. If it is the last one and a place is free, lent -> has.
//	                 If no place is free, lent -> asks, and the part waits in back.
//	Place-P3 pass    A place has become free. The first member in back gets it: asks -> has, and
//	                 its part goes on. If back is empty, the first caller of Go in more gets it.
//	                 If more is empty too, active goes down by one.
//	Place-P4 quit    The part in back is cancelled. It leaves back and goes on: asks -> without.
//
// So a member has a place only while none of its parts waits for anything that depends on a place:
//
//	place  =>  waits = 0 and no part is in back
//
// The invariant holds because only Place-P2 and Place-P3 set place. Both find waits = 0, and leave
// no part of the member in back. Place-P1 clears place before a part waits.
//
// # No deadlock
//
// Suppose that functions wait only in groups and for calls that they have forked. Suppose also that
// no member waits, directly or through other groups and members, for a group that it belongs to.
// (Such a wait would never end, whatever the limit.)
//
// 1. A member with a place can run. By the invariant each of its parts runs, or joins a call that
// another part makes. These joins form a tree, because a part joins only calls that it has forked.
// The parts at the leaves run.
//
// 2. So every place becomes free: the member ends, or one of its parts reaches Place-P1.
//
// 3. So every part in back goes on, because Place-P3 serves back first and in order. Every caller
// of Go in more gets a place too, because only members that have started enter back, and these
// members end. Until the new member has started, the caller of Go holds its place. The caller runs,
// or waits for room in the scheduler's queue, and workers empty that queue whichever members have
// the places.
//
// 4. A part in Wait waits for members. By 1 and 3 each of these members runs on to its end, or to a
// Wait of another group. A chain of Waits never returns to a group that is already in it, so the
// chain ends at a group whose members end.
//
// Two parts of one member must never wait in back at the same time. The first would get the place
// and might then join the second, which would wait for the place that its own member has.

// tryPlace takes a place under the limit if one is free, and reports whether it did.
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
	if w != nil {
		w.wake(by)
	}
}

// pass is Place-P3. It returns the waiter that the caller must wake, or nil. The caller holds mu.
func (g *Group) pass() *queued {
	if w := g.back.First; w != nil {
		w.withdrawLocked()
		w.member.place = true
		return w
	}
	if w := g.more.Pop(); w != nil {
		return w
	}
	g.active--
	return nil
}

// lend gives up the member's place before part c waits in an operation of a group. It reports
// whether c must call takeBack after the wait. m may be nil.
func (m *member) lend(c *Ctx) bool {
	if m == nil || !m.g.limited {
		return false
	}
	g := m.g
	g.mu.Lock()
	w := m.lendPlace()
	g.mu.Unlock()
	if w != nil {
		w.wake(c)
	}
	return true
}

// lendPlace is Place-P1. It returns the waiter that the caller must wake, or nil. The caller holds
// the group's mu.
func (m *member) lendPlace() *queued {
	m.waits++
	if m.place {
		m.place = false
		return m.g.pass()
	}
	w := m.asks
	if w != nil {
		w.withdrawLocked()
	}
	return w
}

// takeBack is what part c calls after it has waited in an operation of a group. If no other part of
// the member still waits in a group, takeBack takes a place for the member. If no place is free,
// takeBack waits in back for one until c is cancelled.
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

// takePlace is Place-P2. It reports whether the part can go on. If it returns false, the part must
// wait in back. The caller holds the group's mu.
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

// ask records w, which is in back, as the wait for the member's place. When w leaves back,
// withdrawLocked removes the record. The caller holds the group's mu.
func (m *member) ask(w *queued) { m.asks, w.member = w, m }
