package rt

import "time"

// A Director decides what runs on a directed scheduler. Such a scheduler has a single worker, and a
// task gives way at yield points only, and then to the task that the Director names. Package
// schedtest explores programs by it. The worker calls the methods one at a time, while no task
// runs.
type Director interface {
	// Settle returns when no goroutine outside of the scheduler can go on by itself. What such
	// goroutines wake is then ready.
	Settle()

	// Choose returns the index in ready of the task to run next. If running is not nil, this task
	// runs and could go on, and the index -1 lets it. yields says that it has to stand back for the
	// others. ready is valid during the call only. It is empty only if running is not nil.
	Choose(running *Task, yields bool, ready []*Task) int

	// Fault returns what goes wrong now, before a choice among running and ready. The worker calls
	// it again until it returns the zero Fault.
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

	// Over reports whether the run is over. From then on each task ends where it would go on. After
	// Over has returned true, it always does.
	Over() bool

	// Panicked is called with the panic err of task d, if the scheduler has no panic handler.
	Panicked(d Handle, err error)
}

// A Fault is what a Director lets go wrong. The zero Fault is nothing.
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

// These words are operands of fast paths. In most programs they have the values that stand here. In
// a program that has package schedtest, each has bits added that no state has.
//
// An operation that does not look up its caller, such as Mutex.Unlock, compares its state with one of
// them, or adds SlowLong to its state. So in a program that has schedtest the fast path always
// fails, and the slow path can call Choice. In all other programs the fast path has an operand in
// memory instead of a constant, and no branch more. Slowly changes the words, and no other code
// does.
var (
	Slow        uint32
	SlowOne     uint32 = 1 // Slow plus 1
	SlowLong    uint64
	SlowLongOne uint64 = 1 // SlowLong plus 1
)

// What is added to Slow, and to SlowLong. SlowLongBits make a signed word negative, also after a
// small number has been subtracted.
const (
	SlowBit      = 1 << 31
	SlowLongBits = 3 << 62
)

// Slowly changes Slow and the words beside it. The initialisation of package schedtest calls it,
// once, before any task runs.
//
// Slowly also makes locks watched for good, so that the fast paths of locks fail and their holders
// are known: see Free.
func Slowly() {
	Watch(1)
	Slow += SlowBit
	SlowOne += SlowBit
	SlowLong += SlowLongBits
	SlowLongOne += SlowLongBits
}

// Choice is a yield point of the calling task, if that is one of a directed scheduler. An operation
// that other tasks can observe, and that has no other yield point, calls it first if Slow is not 0.
// The caller holds no lock.
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

// Abandon ends the wait of a task that will never go on, so that the task can be ended. It reports
// whether the caller has to queue the task. It leaves a task alone that waits for a blocking call
// or a stolen call, because that wait ends with the call.
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
