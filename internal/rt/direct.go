package rt

import "time"

// A Director decides what runs on a directed scheduler. Such a scheduler has a single worker. A
// task gives way only at yield points, and then the task that the Director names runs. Package
// schedtest uses this to explore programs. The worker makes one choice at a time, on the stack of
// the task that runs, or between two tasks.
type Director interface {
	// AwaitOutsiders returns when no goroutine outside the scheduler can go on by itself. The tasks
	// that such goroutines wake are then ready.
	AwaitOutsiders()

	// Choose returns the index in ready of the task to run next. If running is not nil, it is a
	// task that runs and could go on, and the index -1 lets it go on. yields says that running has
	// to stand back for the others. ready is valid only during the call. It is empty only if
	// running is not nil.
	Choose(running *Task, yields bool, ready []*Task) int

	// Fault returns the fault to inject now, before a choice between running and the tasks in
	// ready. The worker calls it again until it returns the zero Fault.
	Fault(running *Task, ready []*Task) Fault

	// Refuse reports whether a submission fails as if the queue were full.
	Refuse() bool

	// Left is called when the running task d leaves its worker to wait.
	Left(d *Task)

	// Holder is called before d waits for a lock. holder returns the task that holds the lock, or
	// nil.
	Holder(d *Task, holder func() *Task)

	// Pick returns a number below n. It makes a choice of the program that is not one among tasks.
	Pick(n int) int

	// Idle is called when no task can run. live is the number of tasks that have not ended. stuck
	// says that no timer is pending either, and that no goroutine outside has done anything.
	Idle(live int64, stuck bool)

	// Ended reports whether the run has ended. From then on each task ends where it would go on.
	// After Ended has returned true, it always does.
	Ended() bool

	// Panicked is called with the panic err of task d, if the scheduler has no panic handler.
	Panicked(d Handle, err error)
}

// A Fault is one thing that a Director lets go wrong. With the zero Fault nothing goes wrong.
type Fault struct {
	Hold  bool          // the task ready[Index] becomes ready later, by For
	Jump  bool          // the clock jumps ahead by For
	Again bool          // the Director itself has changed what is ready
	Index int           // see Hold
	For   time.Duration // see Hold and Jump
}

// A DirectedHost is the Host of a directed scheduler.
type DirectedHost interface {
	Host
	Director() Director
}

// NewDirected makes a directed scheduler. dir is the Director, opts a []scheduler.Option, and sched
// a *scheduler.Scheduler: types that rt cannot name. Package scheduler sets NewDirected.
var NewDirected func(dir Director, opts any) (sched any, err error)

// These words are operands of fast paths. In most programs they keep the values given here. In a
// program that imports package schedtest, Slowly adds bits to them that no state of a lock or a
// WaitGroup has.
//
// An operation that does not look up its caller, such as Mutex.Unlock, compares the state of its
// object with one of them, or adds SlowLong to that state. So in a program that imports schedtest
// the fast path always fails, and the slow path can call Choice. In all other programs the fast
// path costs an operand in memory instead of a constant, but no additional branch. Only Slowly
// changes these words.
var (
	Slow        uint32
	SlowOne     uint32 = 1 // Slow plus 1
	SlowLong    uint64
	SlowLongOne uint64 = 1 // SlowLong plus 1
)

// Slowly adds SlowBit to Slow, and SlowLongBits to SlowLong. SlowLongBits makes a signed word
// negative, and it stays negative when a small number is subtracted.
const (
	SlowBit      = 1 << 31
	SlowLongBits = 3 << 62
)

// Slowly changes Slow and the words beside it. The initialisation of package schedtest calls it,
// once, before any task runs.
//
// Slowly also makes the process watch locks until it ends, so that the fast paths of locks fail and
// locks know their holders: see Free.
func Slowly() {
	Watch(1)
	Slow += SlowBit
	SlowOne += SlowBit
	SlowLong += SlowLongBits
	SlowLongOne += SlowLongBits
}

// Choice is a yield point if the caller is a task of a directed scheduler; otherwise it does
// nothing. An operation begins with Choice if other tasks can observe the operation, it has no
// other yield point, and Slow is not 0. The caller holds no lock.
func Choice() {
	if d := Current(); d != nil {
		if h, ok := d.Worker().Host.(DirectedHost); ok {
			h.Poll(d)
		}
	}
}

// DirectorOf returns the calling task and the Director of its scheduler. It returns nil for both if
// the caller is not a task of a directed scheduler.
func DirectorOf() (Director, *Task) {
	if d := Current(); d != nil {
		if h, ok := d.Worker().Host.(DirectedHost); ok {
			return h.Director(), d
		}
	}
	return nil, nil
}

// WaitsFor tells the Director, if there is one, that d, which runs, is about to wait for a lock.
// holder returns the task that holds the lock, or nil. d may be nil. Call WaitsFor only if Slow is
// not 0.
func (d *Task) WaitsFor(holder func() *Task) {
	if d == nil {
		return
	}
	if h, ok := d.Worker().Host.(DirectedHost); ok {
		h.Director().Holder(d, holder)
	}
}

// Abandon ends the wait of a task that will never go on, so that the worker can end the task. It
// reports whether the caller has to queue the task. If the task waits for a blocking call or a
// stolen call, Abandon changes nothing, because that wait ends with the call.
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
