package rt

import "time"

// A Director decides what runs on a directed scheduler, one with a single worker on which a task
// gives way at yield points only, and then to the task that the Director names: package schedtest
// explores programs by it. The worker calls its methods, one at a time, and no task runs meanwhile.
type Director interface {
	// Settle returns when no goroutine outside of the scheduler can go on by itself: what such
	// goroutines wake is then among the tasks that are ready.
	Settle()

	// Choose returns the index in ready of the task to run next. ready is valid during the call,
	// and not empty, unless running is a task: that one runs and could go on, and the index -1
	// says so. yields says that it has to stand back for the others.
	Choose(running *Task, yields bool, ready []*Task) int

	// Fault returns what goes wrong now, before a choice among running and ready.
	Fault(running *Task, ready []*Task) Fault

	// Refuse reports whether a submission is refused because the queue is full.
	Refuse() bool

	// Left is told that the running task d leaves its worker to wait.
	Left(d *Task)

	// Holder is told that d is about to wait for a lock, and how to find the task that has it, or
	// nil.
	Holder(d *Task, holder func() *Task)

	// Pick returns a number below n: a choice of the program's that is no task.
	Pick(n int) int

	// Idle is told that no task can run, and how many have not ended. stuck says that no timer is
	// pending either.
	Idle(live int64, stuck bool)

	// Over reports whether the run is over: from then on each task ends where it would go on.
	// Once it has reported true it always does.
	Over() bool

	// Panicked is told of a task that has ended by a panic which nothing handles.
	Panicked(d Handle, err error)
}

// A Fault is what a Director lets go wrong. The zero Fault is nothing.
type Fault struct {
	Hold  bool          // the task ready[Index] becomes ready later, by For
	Jump  bool          // the clock jumps ahead by For
	Again bool          // the Director has changed what is ready
	Index int           // see Hold
	For   time.Duration // see Hold and Jump
}

// A DirectedHost is the Host of a directed scheduler.
type DirectedHost interface {
	Host
	Director() Director
}

// NewDirected makes a directed scheduler. dir is the Director, opts a []scheduler.Option, and
// sched a *scheduler.Scheduler: types that rt cannot name. Package scheduler sets it.
var NewDirected func(dir Director, opts any) (sched any, err error)

// Slow is 0, or SlowBit in a program with package schedtest, and SlowLong likewise. The fast path
// of an operation that does not ask for its caller, such as Mutex.Lock, adds one of them to its
// state, or to the word that it compares with that. No state has these bits, so with them the
// fast path always fails, and the slow path can call Choice. Written by Slowly only.
var (
	Slow     uint32
	SlowLong uint64
)

// The values of Slow and SlowLong in a program with package schedtest. SlowLongBits make a signed
// word negative, also after a small number has been taken off.
const (
	SlowBit      = 1 << 31
	SlowLongBits = 3 << 62
)

// Slowly sets Slow and SlowLong. It is called by the initialisation of schedtest, and so before
// any task runs.
func Slowly() { Slow, SlowLong = SlowBit, SlowLongBits }

// Choice is a yield point of the calling task, if it is one of a directed scheduler: before an
// operation that other tasks can observe and that has no other yield point. The caller holds no
// lock. Call it if Slow is not 0.
func Choice() {
	if d := Current(); d != nil {
		if h, ok := d.Worker().Host.(DirectedHost); ok {
			h.Poll(d)
		}
	}
}

// DirectorOf returns the Director of the calling task's scheduler, and the task, or nil.
func DirectorOf() (Director, *Task) {
	if d := Current(); d != nil {
		if h, ok := d.Worker().Host.(DirectedHost); ok {
			return h.Director(), d
		}
	}
	return nil, nil
}

// WaitsFor says that d, which runs, is about to wait for a lock, and how to find the task that
// has it. Call it if Slow is not 0.
func (d *Task) WaitsFor(holder func() *Task) {
	if d == nil {
		return
	}
	if h, ok := d.Worker().Host.(DirectedHost); ok {
		h.Director().Holder(d, holder)
	}
}

// Abandon ends the wait of a task that will never go on, so that it can be made to end. It
// reports whether the caller has to queue the task. A wait for a blocking call, or for a stolen
// call, is left alone: it ends with that.
func (d *Task) Abandon() (queue bool) {
	for {
		s := d.status.Load()
		if s&stateMask != stWaiting {
			return false
		}
		if y := Status(s).WaitReason(); y == WaitBlocking || y == WaitFork {
			return false
		}
		if d.status.CompareAndSwap(s, s-stWaiting+stActive) {
			return true
		}
	}
}
