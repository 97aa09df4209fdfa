// Package fiber provides symmetric coroutines. A running fiber exchanges itself with any sleeping
// fiber in one switch, without a scheduler in between.
//
// # Slots
//
// [iter.Pull] is the only supported way to the Go runtime's coroutine switch. A Pull holds exactly
// one sleeping goroutine at any time. Its next and its yield both exchange the caller with the
// goroutine that it holds. Calls of the two must alternate, but any goroutine may make them. So
// this package uses a Pull as a slot:
//
//   - Every sleeping fiber sleeps in exactly one slot, that of Fiber.at, and every slot holds
//     exactly one sleeping fiber, which carries the slot's next and yield.
//   - To switch from the running fiber self to the sleeping fiber to, self takes the place of to:
//     it calls next or yield, whichever is due, on the slot in which to sleeps.
//
// A fiber therefore wanders from slot to slot. The slot of its own Pull matters again only when it
// ends. Then the function given to Pull returns, and the Go runtime resumes the fiber that sleeps
// in that slot. [Reaper] deals with that.
//
// # Threads
//
// If a goroutine that is locked to its thread creates a coroutine, a switch to that coroutine is
// legal only on that thread and with that lock. Fibers must be able to migrate, so the goroutine
// that calls [New] or [Switch] must not be locked.
//
// # Ownership
//
// A sleeping fiber has one owner, the party that is entitled to switch to it. The caller of
// [Switch] must own to. From the moment of the exchange, the woken fiber owns the caller's fiber,
// and may hand it to another owner. This package does not synchronise owners, so to hand a fiber
// over must order memory.
package fiber

import (
	"iter"
	"sync"
	"unsafe"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/prefetch"
)

// Fiber is a goroutine that can be exchanged with other fibers, together with the slot of its
// iter.Pull. Each started task that waits has one, so it is small.
type Fiber struct {
	// at is the fiber in whose slot it sleeps. While it runs, at is the fiber that switched to it.
	at *Fiber

	// These are the functions of the slot in which it sleeps. The sleeper carries them, so that a
	// switch does not touch the memory of a third fiber, which is seldom in the caches.
	next   func() (struct{}, bool)
	yield  func(struct{}) bool
	inNext bool // it sleeps in next, so yield is due

	relayed bool // when woken: only switch on, to relays[f]
	dying   bool // when woken: return from the body

	// Goexits counts the runtime.Goexits after which the body has gone on, inside a deferred call.
	// When such a body ends, iter.Pull raises the Goexit again in the fiber that sleeps in this
	// fiber's slot. So the Reaper resumes this fiber for the last time from a goroutine made for
	// that, which the Goexit then ends. Only the running fiber writes Goexits.
	Goexits uint8

	// Since is free for use by the fiber's owner, which notes there when the fiber began to wait.
	// Other parties may read it.
	Since atomicx.RelaxedUint32

	g uintptr // the Go runtime's record of the goroutine, set by Start; see current.go

	// Data is for the running fiber, and for a caller that got this fiber from Current.
	Data unsafe.Pointer

	place prefetch.Place
}

// relays holds the fibers that relayed fibers switch on to. Only a Reaper adds any.
var relays sync.Map // from *Fiber to *Fiber

// Init makes f a sleeping fiber with the given body. The first switch to f calls body. body must
// begin with [Fiber.Start], and must return at once if Start returns false. After that it must
// return when [Fiber.Dying] is true after a switch, and at no other time. The caller must not be
// locked to its thread.
//
// Init hands body to iter.Pull as it is, which saves a closure for each fiber.
func (f *Fiber) Init(body func(yield func(struct{}) bool)) {
	f.next, _ = iter.Pull(body)
	f.at = f
}

// Start must be the first call of f's body, with the body's argument. It returns false if a Reaper
// ends the fiber before it began; then the body must return. The body's last call must be End.
func (f *Fiber) Start(yield func(struct{}) bool) bool {
	f.at.yield = yield // the fiber that switched to f sleeps in f's slot
	f.at = nil
	// f is not relayed. The Reaper relays only fibers that sleep in another fiber's slot, and f has
	// slept in its own until now.
	if f.dying {
		return false
	}
	f.enter()
	return true
}

// End must be the last call of f's body. If the body may end by a runtime.Goexit, it must defer End
// before all other calls. A deferred call may call Goexit again, and that Goexit still runs the
// deferred calls that are older, so it runs End. If Start has returned false, End does nothing.
func (f *Fiber) End() {
	if f.g != 0 {
		f.leave()
	}
}

// New returns a new sleeping fiber that runs body at the first switch to it.
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

// Adopt makes a fiber of the calling goroutine, so that it can switch to others. The goroutine may
// end like any other while it runs, because no slot holds it then.
func Adopt() *Fiber { return &Fiber{} }

// Take puts the running fiber f in the place of to. The caller must then call the function that
// f.Next returns if f.AtNext is true, and otherwise the one that f.Yield returns. The call puts f
// to sleep and wakes to. Most callers use [Switch] instead.
//
// These are four functions, so that all of them inline. Each frame between the switch and its
// caller costs several nanoseconds, because the processor cannot predict the returns on the other
// stack. A fiber that sleeps in this way, and not in Switch, must not be given to a [Reaper].
func (f *Fiber) Take(to *Fiber) {
	f.at, to.at, f.next, f.yield, f.inNext = to.at, f, to.next, to.yield, !to.inNext
}

// AtNext reports whether the call of Next is due for the exchange, and not that of Yield. f must
// have called Take before.
func (f *Fiber) AtNext() bool { return f.inNext }

// Next returns the function to call if AtNext is true.
func (f *Fiber) Next() func() (struct{}, bool) { return f.next }

// Yield returns the function to call if AtNext is false.
func (f *Fiber) Yield() func(struct{}) bool { return f.yield }

func (f *Fiber) exchange(to *Fiber) {
	f.Take(to)
	if f.AtNext() {
		f.next()
	} else {
		f.yield(struct{}{})
	}
}

// Switch puts self to sleep and wakes to. It returns when another fiber switches to self. self must
// be the running fiber. to must be asleep, and the caller must own it. The caller must not be
// locked to its thread.
func Switch(self, to *Fiber) {
	self.exchange(to)
	if self.relayed {
		self.forward()
	}
}

// forward switches to the next fiber each time that a Reaper has woken f only to pass the processor
// on.
func (f *Fiber) forward() {
	for f.relayed {
		f.relayed = false
		to, _ := relays.LoadAndDelete(f)
		f.exchange(to.(*Fiber))
	}
}

// Self returns f. It makes every type that embeds a Fiber a [Sleeper].
func (f *Fiber) Self() *Fiber { return f }

func (f *Fiber) relay(to *Fiber) {
	f.relayed = true
	relays.Store(f, to)
}

// Dying reports whether the body has to return. Only the running fiber may call it.
func (f *Fiber) Dying() bool { return f.dying }

// NoteStack notes the position of the calling goroutine's stack. The running fiber calls it before
// it sleeps.
func (f *Fiber) NoteStack() { f.place.NoteStack() }

// Warm makes the processor fetch the memory that the sleeping fiber f touches first when it is
// woken.
func (f *Fiber) Warm() { f.place.Warm(f.g) }
