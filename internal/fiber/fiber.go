// Package fiber gives symmetric coroutines: a running fiber exchanges itself
// with any sleeping one, in one switch, without a scheduler in between.
//
// # Slots
//
// The only supported door to the Go runtime's coroutine switch is [iter.Pull].
// A Pull holds exactly one sleeping goroutine at any time, and its next and
// yield both mean "exchange me with the one it holds". They must alternate,
// but it does not matter who calls them. So a Pull is used here as a slot:
//
//   - every sleeping fiber sleeps in exactly one slot (Fiber.at), and every
//     slot holds exactly one sleeping fiber;
//   - to switch from self to to, self takes to's place: it calls next or
//     yield, whichever is due, on the slot in which to sleeps.
//
// A fiber therefore wanders from slot to slot. The slot that its own Pull
// made (Fiber.own) matters again only when it ends: the function given to
// Pull returns, and the Go runtime then resumes whoever sleeps in that slot.
// [Reap] deals with that.
//
// # Threads
//
// A coroutine created by a goroutine that is locked to its thread can only
// be exchanged on that thread with that lock. Fibers are to migrate, so [New]
// and [Switch] must be called while the goroutine is not locked.
//
// # Ownership
//
// A sleeping fiber has one owner: whoever is entitled to switch to it. The
// caller of [Switch] must own to and is, from the moment of the exchange, owned
// by whoever the woken fiber hands it to. This package does not synchronise
// owners; handing a fiber over must order memory.
package fiber

import "iter"

// A Slot is one iter.Pull: a place in which exactly one fiber sleeps.
type Slot struct {
	next   func() (struct{}, bool)
	yield  func(struct{}) bool
	inNext bool // the occupant sleeps in next, so yield is due
}

// Fiber is a goroutine that can be exchanged with other fibers.
type Fiber struct {
	at      *Slot  // where it sleeps; nil while it runs
	relay   *Fiber // when woken: do nothing but switch on to relay
	dying   bool   // when woken: return from the body
	tainted bool   // its stack unwinds a runtime.Goexit: see Taint
	dead    bool
	adopted bool // it has no slot of its own
	own     Slot // the slot whose Pull it is the body of
}

// New makes a sleeping fiber that runs body when it is switched to for the
// first time. body must return when [Fiber.Dying] is true after a switch, and
// at no other time. The caller must not be locked to its thread.
func New(body func(f *Fiber)) *Fiber {
	f := &Fiber{}
	s := &f.own
	s.next, _ = iter.Pull(func(yield func(struct{}) bool) {
		s.yield = yield
		if f.Relayed() {
			f.Forward()
		}
		if !f.dying {
			body(f)
		}
		f.dead = true
	})
	f.at = s
	return f
}

// Adopt makes a fiber of the calling goroutine, so that it can switch to
// others. An adopted fiber ends as any goroutine does, while it runs; by then
// no slot may hold it, which is so whenever it runs.
func Adopt() *Fiber { return &Fiber{adopted: true} }

// Take puts f, which runs, in the place of to. The caller must now call what the slot's
// Turn returns, and after that, if f is Relayed, Forward. Most callers use [Switch], which does
// all of this. Take and what follows are apart, and inline, because each frame
// between the switch and the code that asked for it costs several nanoseconds: the
// processor cannot predict the returns on the other stack.
func (f *Fiber) Take(to *Fiber) *Slot {
	s := to.at
	to.at = nil
	f.at = s
	return s
}

// Turn returns the function to call for the exchange: next, or else yield with an empty
// struct. Calling it puts the running fiber, which has taken its place in s, to
// sleep and wakes the one that slept there.
func (s *Slot) Turn() (next func() (struct{}, bool), yield func(struct{}) bool) {
	s.inNext = !s.inNext
	if s.inNext {
		return s.next, nil
	}
	return nil, s.yield
}

func (s *Slot) exchange() {
	if next, yield := s.Turn(); next != nil {
		next()
	} else {
		yield(struct{}{})
	}
}

// Relayed reports whether the fiber, just woken, has to Forward.
func (f *Fiber) Relayed() bool { return f.relay != nil }

// Switch puts self to sleep and wakes to. It returns when somebody switches to
// self. self must be the running fiber; to must be asleep and owned by the
// caller, whose thread must not be locked.
func Switch(self, to *Fiber) {
	self.Take(to).exchange()
	if self.Relayed() {
		self.Forward()
	}
}

// Forward switches on for as long as the fiber is woken only to pass the
// processor on, which [Reap] makes fibers do.
func (f *Fiber) Forward() {
	for f.relay != nil {
		to := f.relay
		f.relay = nil
		f.Take(to).exchange()
	}
}

// Dying reports whether the body has to return. Only the running fiber may
// ask.
func (f *Fiber) Dying() bool { return f.dying }

// Taint notes that the fiber is inside a deferred call of a runtime.Goexit.
// When its body ends, iter.Pull raises the Goexit again in whoever sleeps in its
// slot, so [Reap] resumes it for the last time from a goroutine of its own.
func (f *Fiber) Taint() { f.tainted = true }

// Tainted reports whether Taint was called.
func (f *Fiber) Tainted() bool { return f.tainted }

// Reap ends fibers and returns those that it had to leave. It must own all of
// them, and each must be asleep outside of any work, so that it returns when it
// sees Dying. Call it from an ordinary goroutine.
//
// A fiber ends by returning, and that wakes whoever sleeps in its own slot. So
// the fiber is first brought home: the reaper takes the occupant's place, the
// occupant takes the fiber's, and the fiber its own. That needs an occupant
// which nobody else may wake meanwhile: one of fibers. A fiber whose slot holds
// a stranger is left. If nobody but fibers sleeps in any slot, all are ended.
func Reap(fibers []*Fiber) (left []*Fiber) {
	occupant := make(map[*Slot]*Fiber, len(fibers))
	for _, f := range fibers {
		occupant[f.at] = f
	}
	self := Adopt()
	for _, f := range fibers {
		if f.at != &f.own {
			h, at := occupant[&f.own], f.at
			if h == nil {
				left = append(left, f)
				continue
			}
			// self sleeps at f.own, h at f.at; then f at f.own, and self runs.
			h.relay, f.relay = f, self
			Switch(self, h)
			occupant[at] = h
		}
		f.dying = true
		delete(occupant, &f.own)
		if !f.tainted {
			Switch(self, f)
			continue
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			Switch(Adopt(), f) // may not return: the Goexit comes out here
		}()
		<-done
	}
	return left
}
