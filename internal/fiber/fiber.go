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
//   - every sleeping fiber sleeps in exactly one slot, that of Fiber.at, and every
//     slot holds exactly one sleeping fiber;
//   - to switch from self to to, self takes to's place: it calls next or
//     yield, whichever is due, on the slot in which to sleeps.
//
// A fiber therefore wanders from slot to slot. The slot of its own Pull
// matters again only when it ends: the function given to
// Pull returns, and the Go runtime then resumes whoever sleeps in that slot.
// [Reaper] deals with that.
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

import (
	"iter"
	"sync"
	"unsafe"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/prefetch"
)

// Fiber is a goroutine that can be exchanged with other fibers, together with the slot
// that its iter.Pull is. Each started task that waits has one, so it is small.
type Fiber struct {
	at *Fiber // in whose slot it sleeps; nil while it runs

	// The slot. Whoever switches through it owns the fiber that sleeps there.
	next   func() (struct{}, bool)
	yield  func(struct{}) bool
	inNext bool // the sleeper sleeps in next, so yield is due

	relayed bool // when woken: do nothing but switch on, to relays[f]
	dying   bool // when woken: return from the body

	// Goexits is how many runtime.Goexits its stack is in the deferred calls of. When such a body ends, iter.Pull raises the
	// Goexit again in the fiber that sleeps in this one's slot, so the Reaper resumes it for the last time from a goroutine of its own.
	// The running fiber's own.
	Goexits uint8

	// Since is for the fiber's owner to use, and others may read it: when the fiber began to wait.
	Since atomicx.RelaxedUint32

	g uintptr // the Go runtime's record of the goroutine: see current.go. Set by Start

	// Data is for the running fiber to use, and for a caller that gets that fiber from Current.
	Data unsafe.Pointer

	place prefetch.Place
}

// relays says to whom relayed fibers switch on. Only a Reaper makes any.
var relays sync.Map // of *Fiber to *Fiber

// Init makes f a sleeping fiber whose body is switched to for the first time by calling body.
// That must begin with [Fiber.Start] and do nothing more if this returns false; it must return when
// [Fiber.Dying] is true after a switch, and at no other time. The caller must not be locked
// to its thread. (Body is handed to iter.Pull as it is, which saves a closure for each fiber.)
func (f *Fiber) Init(body func(yield func(struct{}) bool)) {
	f.next, _ = iter.Pull(body)
	f.at = f
}

// Start is the first thing that the body of f calls, with its argument. It reports whether
// there is anything to do: a fiber that is ended before it began has nothing. The last thing that the body calls is
// End.
func (f *Fiber) Start(yield func(struct{}) bool) bool {
	f.yield = yield
	if f.relayed {
		f.forward()
	}
	if f.dying {
		return false
	}
	f.enter()
	return true
}

// End is called by the body of f, the last thing. If the body may end by a runtime.Goexit, it is the first call that the body defers:
// a second Goexit, in a deferred call of the first, goes on with the deferred calls that are older than that.
// If Start has reported false, End does nothing.
func (f *Fiber) End() {
	if f.g != 0 {
		f.leave()
	}
}

// New returns a new fiber that runs body.
func New(body func(f *Fiber)) *Fiber {
	f := &Fiber{}
	f.Init(func(yield func(struct{}) bool) {
		defer f.End()
		if f.Start(yield) {
			body(f)
		}
	})
	return f
}

// Adopt makes a fiber of the calling goroutine, so that it can switch to
// others. An adopted fiber ends as any goroutine does, while it runs; by then
// no slot may hold it, which is so whenever it runs.
func Adopt() *Fiber { return &Fiber{} }

// Take puts f, which runs, in the place of to, and returns the fiber whose slot that is. The caller
// must now call what that one's Turn returns. Most callers use [Switch]. Take and Turn
// are apart, and inline, because each frame between the switch and the code that asked for it costs
// several nanoseconds: the processor cannot predict the returns on the other stack. They are for
// fibers that are never given to a [Reaper] while they sleep so.
func (f *Fiber) Take(to *Fiber) (slot *Fiber) {
	slot = to.at
	to.at = nil
	f.at = slot
	return slot
}

// Turn returns the function to call for the exchange in f's slot: next, or else yield with an
// empty struct. Calling it puts the running fiber, which has taken its place there, to
// sleep and wakes the one that slept.
func (f *Fiber) Turn() (next func() (struct{}, bool), yield func(struct{}) bool) {
	f.inNext = !f.inNext
	if f.inNext {
		return f.next, nil
	}
	return nil, f.yield
}

func (f *Fiber) exchange() {
	if next, yield := f.Turn(); next != nil {
		next()
	} else {
		yield(struct{}{})
	}
}

// Switch puts self to sleep and wakes to. It returns when somebody switches to
// self. self must be the running fiber; to must be asleep and owned by the
// caller, whose thread must not be locked.
func Switch(self, to *Fiber) {
	self.Take(to).exchange()
	if self.relayed {
		self.forward()
	}
}

// forward switches on for as long as the fiber is woken only to pass the
// processor on.
func (f *Fiber) forward() {
	for f.relayed {
		f.relayed = false
		to, _ := relays.LoadAndDelete(f)
		f.Take(to.(*Fiber)).exchange()
	}
}

// Self returns f. It makes a [Sleeper] of every type that embeds a Fiber.
func (f *Fiber) Self() *Fiber { return f }

func (f *Fiber) relay(to *Fiber) {
	f.relayed = true
	relays.Store(f, to)
}

// Dying reports whether the body has to return. Only the running fiber may
// ask.
func (f *Fiber) Dying() bool { return f.dying }

// Mark notes where the stack of the calling goroutine is. The running fiber calls it before it sleeps.
func (f *Fiber) Mark() { f.place.Mark() }

// Warm has the processor fetch what f, which sleeps, touches first when it is woken.
func (f *Fiber) Warm() { f.place.Warm(f.g) }
