package scheduler

import (
	"context"
	"runtime/pprof"
	"runtime/trace"

	"github.com/heddle-go/heddle/internal/rt"
)

// WithTraceTasks makes each named task a task of runtime/trace, with regions named "run", "blocked"
// during blocking calls, and "wait: " and what it waits for, in the words of Dump. go tool trace
// shows them by the task's name, on whatever threads they ran.
//
// While nothing traces, each dispatch of a named task pays for some comparisons, and each start of
// any task allocates a record of what it notes. While the Go tracer or a flight recorder runs, each
// change of region is an event of the trace.
func WithTraceTasks() Option {
	return optionFunc(func(c *config) error {
		c.looks |= rt.LookTrace
		return nil
	})
}

// WithNameLabels gives each named task the profiler label task with its name, in addition to the
// labels of the contexts that it is under. So CPU and goroutine profiles can be divided by tasks:
// go tool pprof -tagfocus task=NAME. pprof.Do inside the task keeps the label. Each start of a
// named task then allocates a set of labels and a record.
func WithNameLabels() Option {
	return optionFunc(func(c *config) error {
		c.looks |= rt.LookLabels
		return nil
	})
}

// nameLabel is the key of the profiler label that has a task's name.
const nameLabel = "task"

// nameLabels returns the labels of the task of x, which has a name: those of the contexts that it
// is under, and the label of the name. A Ctx asks for values there first (rt.Look.Labels). So
// pprof.Do, which takes the labels of the Ctx and sets them again when it returns, finds the
// label. Methods of the user's contexts may panic here, as in Cohorts.Hold.
//
// The labels could also be one more context of rt.Extra.Parents. That was rejected, because the
// task would then be under one context too many: its own would be slower, and a submitter that
// waits for room would wait for the wrong one.
func nameLabels(x *rt.Extra) context.Context {
	var labels []string
	of := func(ctx context.Context) (any bool) {
		pprof.ForLabels(ctx, func(key, value string) bool {
			labels = append(labels, key, value)
			return true
		})
		return len(labels) > 0
	}
	found := false
	for u := x.Parents; u != nil && !found; u = u.Next {
		found = of(u.Context)
	}
	if x.Owner != nil && !found {
		of(x.Owner)
	}
	labels = append(labels, nameLabel, x.Name) // the last value of a key counts
	return pprof.WithLabels(context.Background(), pprof.Labels(labels...))
}

// A taskTrace is what runtime/trace knows of a task. Only the task's own goroutine uses it, because
// a region has to end on the goroutine on which it began.
type taskTrace struct {
	name   string
	ctx    context.Context
	task   *trace.Task // nil until the first region that begins while something traces
	region *trace.Region
}

// enter ends the present region and begins one named what.
func (t *taskTrace) enter(what string) {
	t.endRegion()
	if !trace.IsEnabled() {
		return
	}
	if t.task == nil {
		t.ctx, t.task = trace.NewTask(context.Background(), t.name)
	}
	t.region = trace.StartRegion(t.ctx, what)
}

func (t *taskTrace) endRegion() {
	if t.region != nil {
		t.region.End()
		t.region = nil
	}
}

// traceOf returns the trace of the running task d, or nil.
func traceOf(d *rt.Task) *taskTrace {
	if x := d.Extra(); x != nil && x.Look != nil {
		t, _ := x.Look.Trace.(*taskTrace)
		return t
	}
	return nil
}

// waitRegion returns the name of the region of a wait for y.
func waitRegion(y rt.WaitReason) string {
	if y == rt.WaitBlocking {
		return "blocked"
	}
	return "wait: " + y.String()
}

// lookAtCall is called before a blocking call on the spot. It returns fn, with a region around it.
func lookAtCall(d *rt.Task, fn func()) func() {
	t := traceOf(d)
	if t == nil {
		return fn
	}
	return func() {
		t.enter("blocked")
		defer t.enter("run")
		fn()
	}
}

// beginLooked is called before the function of d, which is about to run for the first time.
func (w *worker) beginLooked(d *rt.Task, x *rt.Extra) {
	if w.Looks&rt.LookTrace != 0 && x.Name != "" {
		t := &taskTrace{name: x.Name}
		x.Look.Trace = t
		t.enter("run")
	}
}

// endLooked is called on the goroutine of d when its function is over, and so are the calls that
// the function left open.
func (w *worker) endLooked(d *rt.Task) {
	x := d.Extra()
	if x == nil || x.Look == nil {
		return
	}
	if t, ok := x.Look.Trace.(*taskTrace); ok {
		t.endRegion()
		if t.task != nil {
			t.task.End()
		}
	}
	if w.Looks&rt.LookRing != 0 {
		w.ringEnd("end")
	}
}
