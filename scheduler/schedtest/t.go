package schedtest

import (
	"fmt"
	"math/rand/v2"
	"runtime"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// T is for the tasks of a body what testing.T is for a test. It suits the packages assert and
// require of testify. If one of its methods fails, the schedule fails: the search then looks for
// the shortest schedule that fails likewise, and the test's own t reports only that one.
type T struct {
	x *execution
}

// of returns the execution to which task c belongs. If there is none, it panics and names call.
func of(c *task.Ctx, call string) *execution {
	if c != nil {
		if h, ok := (*rt.Life)(c).Task().Worker().Host.(rt.DirectedHost); ok {
			return h.Director().(*execution)
		}
	}
	panic("schedtest: " + call + " of a task that is not under test: " +
		"call it with the c of the body, or of a task that the body has started")
}

// mustBeTask panics if the caller is a plain goroutine, because a schedule does not say when a
// goroutine calls.
func mustBeTask(call string) {
	if rt.Current() == nil {
		panic("schedtest: " + call + " called by a goroutine that is no task: " +
			"the result would not be a part of the schedule")
	}
}

// TOf returns the T of the run that task c is part of. It panics if c is no task of a body.
func TOf(c *task.Ctx) *T { return &T{x: of(c, "TOf")} }

// Helper does nothing. It is there for testify.
func (t *T) Helper() {}

// Errorf fails the schedule with a message. The caller goes on to its next yield point.
func (t *T) Errorf(format string, args ...any) {
	t.x.failed(assertionFailed, fmt.Sprintf(format, args...))
}

// FailNow fails the schedule and ends the calling task, by runtime.Goexit.
func (t *T) FailNow() {
	t.x.failed(assertionFailed, "FailNow was called")
	runtime.Goexit()
}

// Error is Errorf with the text that fmt.Sprint makes of args.
func (t *T) Error(args ...any) { t.Errorf("%s", fmt.Sprint(args...)) }

// Fatal is Error and FailNow.
func (t *T) Fatal(args ...any) { t.Fatalf("%s", fmt.Sprint(args...)) }

// Logf writes a line that a report shows among the steps of the calling task. It does nothing if
// the caller is no task.
func (t *T) Logf(format string, args ...any) {
	if d := rt.Current(); d != nil && t.x.traced {
		i := t.x.info(d)
		_, where := caller()
		t.x.trace = append(t.x.trace, step{i.title(), i.id, fmt.Sprintf("%q", fmt.Sprintf(format, args...)), where})
	}
}

// Fatalf is Errorf and FailNow.
func (t *T) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	runtime.Goexit()
}

// Scheduler returns the scheduler that runs c, for GoAfter, GoEvery and the other methods that a
// Ctx does not have. It has one worker, also after Resize, and Pause returns an error. Scheduler
// panics if c is no task of a body.
func Scheduler(c *task.Ctx) *scheduler.Scheduler { return of(c, "Scheduler").sched }

// Rand returns a source of random numbers that belongs to the schedule, so that a replay has the
// same numbers. All tasks of the body share it. Rand panics if c is no task of a body, or if the
// caller is no task.
func Rand(c *task.Ctx) *rand.Rand {
	x := of(c, "Rand")
	mustBeTask("Rand")
	if x.rng == nil {
		x.rng = rand.New(rand.NewPCG(x.seed, 2))
	}
	return x.rng
}

// Pick returns a number from 0 to n-1. The number is part of the schedule, like the choice of a
// task, and depth-first search tries all of them. Use Pick for what the outside world decides, such
// as whether a call fails. It panics if n is not positive, if c is no task of a body, or if the
// caller is no task.
func Pick(c *task.Ctx, n int) int {
	x := of(c, "Pick")
	mustBeTask("Pick")
	if n < 1 {
		panic(fmt.Sprintf("schedtest: Pick(%d): want 1 or more", n))
	}
	return x.Pick(n)
}
