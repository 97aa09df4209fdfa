package schedotel_test

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/scheduler/schedotel"
	"github.com/heddle-go/heddle/task"
)

// tracer returns a tracer, and a function that returns the spans that have ended, by name. No two
// of them may have the same name.
func tracer(t testing.TB) (trace.Tracer, func() map[string]tracetest.SpanStub) {
	t.Helper()
	out := tracetest.NewInMemoryExporter()
	p := sdk.NewTracerProvider(sdk.WithSyncer(out))
	return p.Tracer("test"), func() map[string]tracetest.SpanStub {
		by := map[string]tracetest.SpanStub{}
		for _, s := range out.GetSpans() {
			require.NotContains(t, by, s.Name)
			by[s.Name] = s
		}
		return by
	}
}

// Spans follow the contexts: from the caller to a task, to a task that this one starts after it was
// suspended, and to a span of the task's own.
func TestSpansAreNested(t *testing.T) {
	s := open(t)
	tr, ended := tracer(t)
	spans := schedotel.NewSpans(tr, s)
	type key struct{}
	ctx, request := tr.Start(context.WithValue(t.Context(), key{}, "value"), "request")
	x := spans.GoContext(ctx, func(c *task.Ctx) {
		c.Yield()
		require.Equal(t, "value", c.Value(key{}))
		child := spans.GoContext(c, func(c *task.Ctx) {
			_, own := tr.Start(c, "own")
			own.End()
		}, task.Name("child"))
		require.NoError(t, child.Wait())
		s.GoContext(c, func(c *task.Ctx) { // without a span of its own
			trace.SpanFromContext(c).AddEvent("from a plain task")
		}).Wait()
	}, task.Name("parent"))
	require.NoError(t, x.Wait())
	request.End()
	got := ended()
	require.Len(t, got, 4)
	for of, in := range map[string]string{"parent": "request", "child": "parent", "own": "child"} {
		require.Equal(t, got[in].SpanContext.SpanID(), got[of].Parent.SpanID(), of)
		require.Equal(t, got["request"].SpanContext.TraceID(), got[of].SpanContext.TraceID(), of)
	}
	parent := got["parent"]
	require.Equal(t, codes.Unset, parent.Status.Code)
	require.Len(t, parent.Events, 2)
	require.Equal(t, "heddle.run", parent.Events[0].Name)
	require.Equal(t, "from a plain task", parent.Events[1].Name)
	require.False(t, parent.Events[0].Time.Before(parent.StartTime))
	require.Contains(t, []int64{0, 1}, parent.Attributes[0].Value.AsInt64())
	require.Equal(t, schedotel.WorkerKey, parent.Attributes[0].Key)
}

// A span begins at the submission: what the task waits in the queue lies before its event.
func TestSpanBeginsAtSubmission(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	tr, ended := tracer(t)
	release := make(chan struct{})
	hog := s.Go(func(*task.Ctx) { <-release })
	until(t, "it runs", func() bool { return hog.State() == task.Running })
	x := schedotel.NewSpans(tr, s).GoContext(t.Context(), func(*task.Ctx) {})
	_, mark := tr.Start(t.Context(), "mark")
	mark.End()
	close(release)
	require.NoError(t, x.Wait())
	got := ended()
	require.False(t, got["task"].StartTime.After(got["mark"].StartTime))
	require.False(t, got["task"].Events[0].Time.Before(got["mark"].StartTime))
}

func TestSpanErrors(t *testing.T) {
	caught := make(chan task.Task, 1)
	s, err := scheduler.New(scheduler.WithWorkers(1), scheduler.WithQueueLimit(1, scheduler.Reject),
		scheduler.WithPanicHandler(func(x task.Task, _ *task.PanicError) { caught <- x }))
	require.NoError(t, err)
	defer s.Close()
	tr, ended := tracer(t)
	spans := schedotel.NewSpans(tr, s)
	broken := errors.New("broken")

	x := spans.GoContext(t.Context(), func(*task.Ctx) { panic(broken) }, task.Name("panics"))
	require.ErrorIs(t, x.Wait(), broken)
	require.Equal(t, x, <-caught, "the scheduler's handler still gets the panic")
	require.ErrorIs(t, spans.GoContext(t.Context(), func(*task.Ctx) { runtime.Goexit() }, task.Name("exits")).Wait(), task.ErrGoexit)
	ctx, cancel := context.WithCancelCause(t.Context())
	x = spans.GoContext(ctx, func(c *task.Ctx) { _ = c.Park() }, task.Name("cancelled"))
	until(t, "it waits", func() bool { return x.State() == task.Waiting })
	cancel(broken)
	require.ErrorIs(t, x.Wait(), broken)
	require.ErrorIs(t, spans.GoContext(ctx, func(*task.Ctx) {}, task.Name("late")).Wait(), broken)

	release := make(chan struct{})
	hog := s.Go(func(*task.Ctx) { <-release })
	until(t, "it runs", func() bool { return hog.State() == task.Running })
	queued := spans.GoContext(t.Context(), func(*task.Ctx) {}, task.Name("cancelled in the queue"))
	refused := spans.GoContext(t.Context(), func(*task.Ctx) {})
	require.ErrorIs(t, refused.Err(), task.ErrQueueFull)
	queued.Cancel()
	close(release)
	require.ErrorIs(t, queued.Wait(), context.Canceled)

	got := ended()
	const unwound = "the task's function panicked or called runtime.Goexit"
	for name, want := range map[string]string{
		"panics": unwound, "exits": unwound, "cancelled": "broken", "task": task.ErrQueueFull.Error(),
	} {
		require.Equal(t, sdk.Status{Code: codes.Error, Description: want}, got[name].Status, name)
		runs := 0
		for _, e := range got[name].Events {
			if e.Name == "heddle.run" {
				runs++
			}
		}
		require.Equal(t, name != "task", runs == 1, name)
	}
	require.NotContains(t, got, "cancelled in the queue")
	// The task under a context that had ended has a span if it had ended, too, by the time that
	// GoContext returned, which depends on the worker.
	delete(got, "late")
	require.Len(t, got, 4)
}

// Groups and futures take the starter that Under returns.
func TestSpansOfGroup(t *testing.T) {
	s := open(t)
	tr, ended := tracer(t)
	ctx, request := tr.Start(t.Context(), "request")
	on := schedotel.NewSpans(tr, s).Under(ctx)
	g := task.NewGroup(on)
	g.Go(func(*task.Ctx) error { return nil }, task.Name("member"))
	require.NoError(t, g.Wait())
	v, err := task.Submit(on, func(c *task.Ctx) (int, error) { return 7, nil }, task.Name("future")).Wait()
	require.NoError(t, err)
	require.Equal(t, 7, v)
	request.End()
	until(t, "the spans have ended", func() bool { return len(ended()) == 3 })
	for _, name := range []string{"member", "future"} {
		require.Equal(t, request.SpanContext().SpanID(), ended()[name].Parent.SpanID(), name)
	}
}

func TestSpansMisuse(t *testing.T) {
	s := open(t)
	tr, _ := tracer(t)
	spans := schedotel.NewSpans(tr, s)
	var none context.Context
	for want, f := range map[string]func(){
		"schedotel: NewSpans with a nil Tracer: pass what the TracerProvider's Tracer returned": func() { schedotel.NewSpans(nil, s) },
		"schedotel: NewSpans with a nil Scheduler: pass what scheduler.New returned":            func() { schedotel.NewSpans(tr, nil) },
		"schedotel: GoContext with a nil context: use context.Background()":                     func() { spans.GoContext(none, func(*task.Ctx) {}) },
		"schedotel: GoContext with a nil function":                                              func() { spans.GoContext(t.Context(), nil) },
		"schedotel: Under with a nil context: use context.Background()":                         func() { spans.Under(none) },
	} {
		require.PanicsWithValue(t, want, f)
	}
}
