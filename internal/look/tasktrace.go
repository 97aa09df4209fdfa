package look

import (
	"context"
	"runtime/pprof"
	"runtime/trace"

	"github.com/heddle-go/heddle/internal/rt"
)

// nameLabel is the key of the profiler label that has a task's name.
const nameLabel = "task"

// NameLabels returns the labels of the task of x, which has a name: those of the contexts that it
// is under, and the label of the name. A Ctx asks for values there first (rt.Look.Labels). So
// pprof.Do, which takes the labels of the Ctx and sets them again when it returns, finds the
// label. Methods of the user's contexts may panic here, as in Cohorts.Hold.
//
// The labels could also be one more context of rt.Extra.Parents. That was rejected, because the
// task would then be under one context too many: its own would be slower, and a submitter that
// waits for room would wait for the wrong one.
func NameLabels(x *rt.Extra) context.Context {
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

// A TaskTrace is what runtime/trace knows of a task. Only the task's own goroutine uses it, because
// a region has to end on the goroutine on which it began.
type TaskTrace struct {
	name   string
	ctx    context.Context
	task   *trace.Task // nil until the first region that begins while something traces
	region *trace.Region
}

// NewTaskTrace returns the trace of a task with that name.
func NewTaskTrace(name string) *TaskTrace { return &TaskTrace{name: name} }

// Run begins a region in which the task runs.
func (t *TaskTrace) Run() { t.enter("run") }

// Wait begins a region in which the task waits for y.
func (t *TaskTrace) Wait(y rt.WaitReason) { t.enter(waitRegion(y)) }

// End ends the trace, because the task has ended.
func (t *TaskTrace) End() {
	t.endRegion()
	if t.task != nil {
		t.task.End()
	}
}

// enter ends the present region and begins one named what.
func (t *TaskTrace) enter(what string) {
	t.endRegion()
	if !trace.IsEnabled() {
		return
	}
	if t.task == nil {
		t.ctx, t.task = trace.NewTask(context.Background(), t.name)
	}
	t.region = trace.StartRegion(t.ctx, what)
}

func (t *TaskTrace) endRegion() {
	if t.region != nil {
		t.region.End()
		t.region = nil
	}
}

// TraceOf returns the trace of the running task d, or nil.
func TraceOf(d *rt.Task) *TaskTrace {
	if x := d.Extra(); x != nil && x.Look != nil {
		t, _ := x.Look.Trace.(*TaskTrace)
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

// AtCall is called before a blocking call on the spot. It returns fn, with a region around it.
func AtCall(d *rt.Task, fn func()) func() {
	t := TraceOf(d)
	if t == nil {
		return fn
	}
	return func() {
		t.enter("blocked")
		defer t.enter("run")
		fn()
	}
}
