package rt

import (
	"context"
	"sync"
	"unsafe"

	"github.com/heddle-go/heddle/internal/atomicx"
)

// Looks is a set of the things that the tasks of a scheduler note about themselves, for people to
// read. It is empty unless options of the scheduler add to it. Each task of a scheduler with Looks
// has a [Look], which package engine attaches to its Extra before it starts.
type Looks uint8

const (
	LookWaits  Looks = 1 << iota // which task started it, and what each wait is at
	LookSites                    // and where in the program
	LookTimes                    // how long waits take
	LookTrace                    // tasks and regions of runtime/trace
	LookLabels                   // profiler labels by name
	LookRing                     // dispatches and wake-ups
)

// A Look is what a task notes about itself. What a reader of all tasks reads comes
// first, so that it lies in two or three cache lines.
type Look struct {
	// These are set before the task starts.
	Starter Handle  // the task that started or submitted this one, or the zero Handle
	Started uintptr // where Starter did so, as a return address in the user's code, or 0

	// Runs counts the task's dispatches, with LookWaits.
	Runs Runs

	mu   sync.Mutex
	wait Wait // the present wait, or the last one; under mu

	// These three are set before the task starts, too.
	Stacks *Stacks // nil without LookSites
	Frame  *Frame  // the forked call, if the task is one that another worker took
	// Labels has the task's profiler labels as its value, and no others, if the scheduler gives the
	// task labels of its own. Otherwise it is nil.
	Labels context.Context

	// Trace is for the scheduler. Only the running task touches it.
	Trace any
	// Woken says when and from where the task was last made runnable. The waker writes it before it
	// queues the task, and the worker that takes the task from the queue reads it.
	Woken Waking
	early [2]atomicx.Pointer[Waking] // notes of early wake-ups: see early.go

	// next and reason are the arguments of the last WillWait. Only the running task touches them.
	next   Awaited
	reason WaitReason
}

// An Awaited is the object that a task waits at, and the Holder that can name the task which holds
// it up.
type Awaited struct {
	Object unsafe.Pointer // a channel, a lock, a task; or nil
	Holder Holder         // nil if no task is known to hold the object up
}

// A Holder is a lock, or another object, that may know which task has to act before a waiting task
// can go on.
type Holder interface {
	// Holder returns that task, or the zero Handle. Any goroutine may call it.
	Holder() Handle
}

// A Wait is one wait of a task.
type Wait struct {
	// Seq tells the waits of a task apart. It is odd while the task waits.
	Seq  uint64
	At   Awaited
	Site uintptr // where, as a return address in the user's code, or 0
}

// A Waking is a wake-up of a task, as the ring of dispatches shows it. The zero Waking is unknown.
type Waking struct {
	By     Waker
	Worker int   // index of the worker that the waker ran on, if By is ByTask
	At     int64 // in nanoseconds of the scheduler's clock
}

// A Waker is the kind of code that woke a task.
type Waker uint8

const (
	ByUnknown   Waker = iota
	ByTask            // a task of the same scheduler, also by its end
	ByTimer           // a timer
	ByGoroutine       // code that runs on no worker of the task's scheduler
)

// MaxStack is how many return addresses a Stack has room for.
const MaxStack = 32

// A Stack has return addresses, the innermost first. Unused entries are 0.
type Stack [MaxStack]uintptr

// Stacks has the stacks of a task: where it was started, and of the present wait, or the last one.
type Stacks struct {
	Started Stack // set before the task starts
	waits   Stack // under the mu of the Look
}

// Looked reports whether the task, which runs, notes its waits.
func (d *Task) Looked() bool { return d.worker.Load().Looks != 0 }

// WillWait notes that the next wait of the running task d is at the object at, provided that its
// reason is y. Call WillWait only if Looked returns true.
func (d *Task) WillWait(y WaitReason, at Awaited) {
	if x := d.Extra(); x != nil && x.Look != nil {
		x.Look.next, x.Look.reason = at, y
	}
}

// Begin notes that the running task begins a wait with reason y. If the task waits for the end of
// another task, end is that task. Otherwise end is the zero Handle, and Begin uses what WillWait
// has noted. If the task notes stacks, Begin calls walk to store its stack, from the user's code
// on.
func (k *Look) Begin(y WaitReason, end Handle, walk func(s *Stack)) {
	at := k.next
	k.next = Awaited{}
	if end.d != nil {
		at = Awaited{unsafe.Pointer(end.d), awaitedEnd(end)}
	} else if k.reason != y {
		at = Awaited{}
	}
	k.mu.Lock()
	k.wait = Wait{Seq: k.wait.Seq + 1, At: at}
	if k.Stacks != nil {
		walk(&k.Stacks.waits)
		k.wait.Site = k.Stacks.waits[0]
	}
	k.mu.Unlock()
}

// WaitStack returns the stack of the present wait. It is empty if the task does not wait, or notes
// no stacks. Any goroutine may call it.
func (k *Look) WaitStack() (s Stack) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.Stacks != nil && k.wait.Seq%2 == 1 {
		s = k.Stacks.waits
	}
	return s
}

// End notes that the wait is over.
func (k *Look) End() {
	k.mu.Lock()
	k.wait = Wait{Seq: k.wait.Seq + 1}
	k.mu.Unlock()
}

// Granted notes that task d no longer waits for the holder of a lock, because the caller is about
// to hand d the lock. The caller calls it before the lock names d as its holder. Otherwise a reader
// could see that d holds the lock and also waits for it, which looks like a deadlock of d with
// itself.
func Granted(d *Task) {
	if d == nil {
		return
	}
	if x := d.Extra(); x != nil && x.Look != nil {
		x.Look.mu.Lock()
		x.Look.wait.At.Holder = nil
		x.Look.mu.Unlock()
	}
}

// Wait returns the present wait of the task. If the task does not wait, Seq is even. Any goroutine
// may call it.
func (k *Look) Wait() Wait {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.wait
}

// awaitedEnd is the Holder of a wait for the end of a task: that task itself.
type awaitedEnd Handle

// Holder implements [Holder].
func (h awaitedEnd) Holder() Handle {
	if !h.d.Status().Live(h.gen) {
		return Handle{}
	}
	return Handle(h)
}

// An awaitedCall is the Holder of a parent's wait for a call that another worker took.
type awaitedCall struct {
	parent *Task
	f      *Frame
}

// Holder implements [Holder]: it returns the task that makes the call.
func (k awaitedCall) Holder() (h Handle) {
	x := k.parent.Extra()
	if x == nil {
		return h
	}
	x.EachStolen(func(call *Task, gen uint32) {
		if x := call.Extra(); x != nil && x.Look != nil && x.Look.Frame == k.f && call.Status().Live(gen) {
			h = Handle{call, gen}
		}
	})
	return h
}

// AwaitCall parks d until the stolen call f, which d waits for, has woken it.
func (d *Task) AwaitCall(f *Frame) {
	if d.Looked() {
		d.WillWait(WaitFork, Awaited{unsafe.Pointer(f), awaitedCall{d, f}})
	}
	d.AwaitWakeFor(WaitFork)
}
