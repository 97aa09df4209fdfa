package rt

import (
	"sync"
	"unsafe"
)

// Looks is a set of what the tasks of a scheduler note about themselves for people to read. It is 0
// unless options of the scheduler ask for more. Each task of a scheduler with Looks has a [Look],
// which New attaches to its Extra before it starts.
type Looks uint8

const (
	LookWaits  Looks = 1 << iota // which task started it, and what each wait is at
	LookSites                    // and where in the program
	LookTimes                    // how long waits take
	LookTrace                    // tasks and regions of runtime/trace
	LookLabels                   // profiler labels by name
	LookRing                     // dispatches and wake-ups
)

// A Look is what a task notes about itself.
type Look struct {
	// These are set before the task starts.
	Starter Handle  // the task that started or submitted this one, or the zero Handle
	Started uintptr // where it did, as a return address in the user's code, or 0
	Frame   *Frame  // the forked call, if the task is one that another worker took

	// Trace is for the scheduler. Only the running task touches it.
	Trace any
	// Woken is how the task was last made runnable. The waker writes it before it queues the task;
	// the worker that takes the task from the queue reads it.
	Woken Waking

	// next and reason are what WillWait was told. Only the running task touches them.
	next   Awaited
	reason WaitReason

	mu   sync.Mutex
	wait Wait // the present wait, or the last one; under mu
}

// An Awaited is what a task waits at.
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

// A Waking is a wake-up of a task, as the ring of dispatches shows it.
type Waking struct {
	At     int64 // in nanoseconds of the scheduler's clock; 0: unknown
	Worker int   // index of the worker that the waker ran on, or -1
}

// Looked reports whether the task, which runs, notes its waits.
func (d *Task) Looked() bool { return d.worker.Load().Looks != 0 }

// WillWait notes what the next wait of the running task d is at, if its reason is y. Call it only if
// Looked reports true.
func (d *Task) WillWait(y WaitReason, at Awaited) {
	if x := d.Extra(); x != nil && x.Look != nil {
		x.Look.next, x.Look.reason = at, y
	}
}

// Begin notes that the running task begins a wait with reason y in the code at site. end is what it
// waits for if that is the end of a task; otherwise it is what WillWait was told.
func (k *Look) Begin(y WaitReason, end Handle, site uintptr) {
	at := k.next
	k.next = Awaited{}
	if end.d != nil {
		at = Awaited{unsafe.Pointer(end.d), awaitedEnd(end)}
	} else if k.reason != y {
		at = Awaited{}
	}
	k.mu.Lock()
	k.wait = Wait{Seq: k.wait.Seq + 1, At: at, Site: site}
	k.mu.Unlock()
}

// End notes that the wait is over.
func (k *Look) End() {
	k.mu.Lock()
	k.wait = Wait{Seq: k.wait.Seq + 1}
	k.mu.Unlock()
}

// Granted notes that task d, which waits for a lock, has been given it. The party that gives it calls
// Granted first, so that a reader who sees that d holds the lock does not see d wait for it too: that
// would be a deadlock of d with itself.
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

// awaitedEnd is a wait for the end of a task.
type awaitedEnd Handle

// Holder implements [Holder].
func (h awaitedEnd) Holder() Handle {
	if !h.d.Status().Live(h.gen) {
		return Handle{}
	}
	return Handle(h)
}

// An awaitedCall is a parent's wait for a call that another worker took.
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
