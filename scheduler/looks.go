package scheduler

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/heddle-go/heddle/internal/rt"
)

// WithWaits makes the scheduler's tasks note what they wait for, which task started them, and how
// long they run, for [Scheduler.Tasks], [Scheduler.Deadlocks] and [Scheduler.Dump]. It also makes
// the locks of package tsync note which task holds them.
//
// Each start of a task then costs two more allocations, 416 bytes together, each wait takes two
// more short locks, and each dispatch reads the clock once or twice. While any scheduler of the
// process has the option, taking a lock of package tsync costs several times as much as without,
// because the lock has to find out which task takes it. A lock that is held when the first such
// scheduler is made does not know its holder. BenchmarkLooking in the folder benchmarks shows what
// the options cost.
func WithWaits() Option {
	return optionFunc(func(c *config) error {
		c.Looks |= rt.LookWaits
		return nil
	})
}

// WithSites is [WithWaits], and the tasks also note where in the program they were started and
// where they wait. Each start and each wait then walks up to 32 frames of the stack. Each start
// allocates 512 bytes for them, so a live task takes 928 bytes more than without options. Tasks is
// no slower for it, because it copies one address of each stack. Stacks looks up the functions,
// which takes some microseconds for each task.
func WithSites() Option {
	return optionFunc(func(c *config) error {
		c.Looks |= rt.LookWaits | rt.LookSites
		return nil
	})
}

// WithWaitProfile makes the scheduler sample how long its tasks wait in package tsync, for other
// tasks, and in parallel joins, with their stacks. [Scheduler.WriteWaitProfile] writes the profile.
// Sleeps, timers and blocking calls do not count.
//
// The scheduler samples on average one wait in each rate of time that tasks spend waiting. It takes
// every wait of rate or longer. Shorter ones are taken in proportion to their length and count for
// as many as they stand for. The rate is 1 ns or more; with 1 ns every wait is taken. Each wait
// reads the clock twice, and each sample walks the stack.
func WithWaitProfile(rate time.Duration) Option {
	return optionFunc(func(c *config) error {
		if rate < 1 {
			return fmt.Errorf("scheduler: WithWaitProfile(%v): want 1ns or more; leave the option out for none", rate)
		}
		c.Looks |= rt.LookTimes
		c.WaitRate = rate
		return nil
	})
}

var errNoWaitProfile = errors.New("scheduler: this scheduler samples no waits: give New the option WithWaitProfile")

// WriteWaitProfile writes the waits that [WithWaitProfile] has sampled since the scheduler was
// made, in the format of go tool pprof. The values are the number of waits, and the time in
// nanoseconds from the beginning of a wait until the task runs again. The label named wait says
// what each wait was for, in the words of Dump; pprof's -tagfocus and -tagroot use it. A stack
// begins with the function of tsync, task or parallel that waits, and ends with the task's
// function.
//
// It returns an error without the option, and the error of w, if there is one. Any goroutine or
// task may call it, at any time. It blocks the calling goroutine as long as w does.
func (s *Scheduler) WriteWaitProfile(w io.Writer) error {
	r := s.reader()
	if r.Looks()&rt.LookTimes == 0 {
		return errNoWaitProfile
	}
	return r.WriteWaitProfile(w)
}

// A WaitPlace is a place in the program at which tasks have waited, in [Scheduler.WaitPlaces].
type WaitPlace struct {
	// At is the innermost place that is not in this library. It is unknown for the waits of more
	// stacks than the profile tells apart.
	At       Site
	WaitsFor string        // in the words of Dump: "mutex"
	Waits    uint64        // how many waits the sampled ones stand for
	Waited   time.Duration // how long they took together
}

// WaitPlaces returns the places at which tasks have waited since the scheduler was made, as
// [WithWaitProfile] has sampled them. The place at which they waited longest comes first. There are
// at most 10,001. It returns an error without the option. Any goroutine or task may call it, at any
// time. It neither parks nor blocks for long.
func (s *Scheduler) WaitPlaces() ([]WaitPlace, error) {
	r := s.reader()
	if r.Looks()&rt.LookTimes == 0 {
		return nil, errNoWaitProfile
	}
	all := r.WaitPlaces()
	places := make([]WaitPlace, len(all))
	for i, p := range all {
		places[i] = WaitPlace{Site{p.At}, p.WaitsFor, p.Waits, p.Waited}
	}
	return places, nil
}

// WithTraceTasks makes each named task a task of runtime/trace, with regions named "run", "blocked"
// during blocking calls, and "wait: " and what it waits for, in the words of Dump. go tool trace
// shows them by the task's name, also if they ran on several threads.
//
// While nothing traces, each dispatch of a named task pays for some comparisons, and each start of
// any task allocates a record of what it notes. While the Go tracer or a flight recorder runs, each
// change of region is an event of the trace.
func WithTraceTasks() Option {
	return optionFunc(func(c *config) error {
		c.Looks |= rt.LookTrace
		return nil
	})
}

// WithNameLabels gives each named task the profiler label task with its name, in addition to the
// labels of the contexts that it is under. So CPU and goroutine profiles can be divided by tasks:
// go tool pprof -tagfocus task=NAME. pprof.Do inside the task keeps the label. Each start of a
// named task then allocates a set of labels and a record.
func WithNameLabels() Option {
	return optionFunc(func(c *config) error {
		c.Looks |= rt.LookLabels
		return nil
	})
}

// MaxDispatchRing is the largest number that [WithDispatchRing] takes.
const MaxDispatchRing = 1 << 20

// WithDispatchRing makes each worker keep its last n dispatches, 1 to [MaxDispatchRing], for
// [Scheduler.WriteTrace]. The worker allocates the memory as it needs it. Each dispatch and each
// wake-up then reads the clock, each dispatch takes a short lock, and each start of a task
// allocates a record of what the task notes.
func WithDispatchRing(n int) Option {
	return optionFunc(func(c *config) error {
		if n < 1 || n > MaxDispatchRing {
			return fmt.Errorf("scheduler: WithDispatchRing(%d): want 1 to %d", n, MaxDispatchRing)
		}
		c.Looks |= rt.LookRing
		c.Ring = n
		return nil
	})
}

var errNoRing = errors.New("scheduler: WriteTrace of a scheduler that keeps no dispatches: " +
	"give New the option WithDispatchRing")

// WriteTrace writes what the workers ran in the last d, as JSON that ui.perfetto.dev and
// chrome://tracing show. Each worker is a row, and each dispatch of a task is a slice, which says
// what the task waited for afterwards. Times are counted from when the scheduler was made.
//
// Arrows lead to a dispatch from where its task was made runnable:
//
//   - "wake", from the dispatch of the task that woke it, or whose end did;
//   - "timer" and "goroutine", from one further row, if a timer woke it, or code that runs on no
//     worker of this scheduler. If the monitor or a Clock fires a timer that calls a function, such
//     as a deadline, and the function wakes tasks, these arrows are called "goroutine".
//   - "steal", from the last dispatch of the worker that the task was stolen from. If a thief stole
//     several tasks at once, only the first has such an arrow.
//
// An arrow may begin while its task still runs, if the wake-up came before the task had parked. If
// the wake-up came so early that the task did not leave its worker, there is no further dispatch
// and no arrow. There is none either for a cancellation that came before the task had parked, and
// for a wake-up whose origin is a dispatch that is not shown.
//
// WriteTrace needs [WithDispatchRing], and returns an error without it. It panics if d is not
// positive. It returns the error of w, if there is one. The workers go on meanwhile. Any goroutine
// or task may call it, at any time. It blocks the calling goroutine as long as w does.
func (s *Scheduler) WriteTrace(w io.Writer, d time.Duration) error {
	r := s.reader()
	if d <= 0 {
		panic(fmt.Sprintf("scheduler: WriteTrace(%v): want a duration above 0", d))
	}
	if r.Looks()&rt.LookRing == 0 {
		return errNoRing
	}
	return r.WriteTrace(w, d)
}
