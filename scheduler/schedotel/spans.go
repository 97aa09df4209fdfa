package schedotel

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// Spans starts tasks that have a span each. Any goroutine or task may use it.
type Spans struct {
	tracer trace.Tracer
	s      *scheduler.Scheduler
}

// NewSpans returns a Spans that starts tasks on s and spans by t. It panics if t or s is nil.
func NewSpans(t trace.Tracer, s *scheduler.Scheduler) *Spans {
	switch {
	case t == nil:
		panic("schedotel: NewSpans with a nil Tracer: pass what the TracerProvider's Tracer returned")
	case s == nil:
		panic("schedotel: NewSpans with a nil Scheduler: pass what scheduler.New returned")
	}
	return &Spans{t, s}
}

// runEvent is the event of a span at which its task begins to run.
const runEvent = "heddle.run"

// GoContext is [scheduler.Scheduler.GoContext] with a span, whose parent is the span of ctx. The
// span's name is that of the task, from the option [task.Name], or "task". The span's status is an
// error if the function panics, calls runtime.Goexit, or returns after the task was cancelled.
// GoContext panics if ctx or fn is nil.
//
// In the task, c is the context to pass on: it has the span.
func (x *Spans) GoContext(ctx context.Context, fn func(c *task.Ctx), opts ...task.Option) task.Task {
	switch {
	case ctx == nil:
		panic("schedotel: GoContext with a nil context: use context.Background()")
	case fn == nil:
		panic("schedotel: GoContext with a nil function")
	}
	submitted := time.Now()
	under := &spanned{Context: ctx}
	t := x.s.GoContext(under, func(c *task.Ctx) {
		with, span := x.tracer.Start(ctx, nameOf(c.Task()), trace.WithTimestamp(submitted),
			trace.WithAttributes(WorkerKey.Int(c.Worker())))
		under.begin(with)
		span.AddEvent(runEvent)
		returned := false
		// This neither recovers a panic nor stops a Goexit: the scheduler deals with both.
		defer func() {
			if !returned {
				span.SetStatus(codes.Error, "the task's function panicked or called runtime.Goexit")
			} else if err := c.Cause(); err != nil {
				span.RecordError(err)
				span.SetStatus(codes.Error, err.Error())
			}
			span.End()
		}()
		fn(c)
		returned = true
	}, opts...)
	// A task that was refused has ended by now and never begins. If it has begun, the load sees it,
	// because begin comes before the end that State reports.
	if t.State() == task.Done && under.with.Load() == nil {
		if err := t.Err(); err != nil {
			_, span := x.tracer.Start(ctx, nameOf(t), trace.WithTimestamp(submitted))
			span.RecordError(err)
			span.SetStatus(codes.Error, err.Error())
			span.End()
		}
	}
	return t
}

func nameOf(t task.Task) string {
	if n := t.Name(); n != "" {
		return n
	}
	return "task"
}

// Under returns a starter for groups and futures, such as [task.NewGroup] and [task.Submit] take.
// Its tasks are under ctx and have a span each, as those of GoContext. Under panics if ctx is nil.
func (x *Spans) Under(ctx context.Context) task.Starter {
	if ctx == nil {
		panic("schedotel: Under with a nil context: use context.Background()")
	}
	return starter{x, ctx}
}

type starter struct {
	x   *Spans
	ctx context.Context
}

func (s starter) Go(fn func(c *task.Ctx), opts ...task.Option) task.Task {
	return s.x.GoContext(s.ctx, fn, opts...)
}

// spanned is the context of a task with a span. It is made before the task is submitted, and gets
// the span when the task begins: if the span were started at the submission, nothing would end that
// of a task that never runs.
type spanned struct {
	context.Context                                 // that GoContext was given
	with            atomic.Pointer[context.Context] // with the span; nil before the task begins
}

// begin is called by the task before its function.
func (x *spanned) begin(with context.Context) { x.with.Store(&with) }

// Value implements [context.Context].
func (x *spanned) Value(key any) any {
	if with := x.with.Load(); with != nil {
		return (*with).Value(key)
	}
	return x.Context.Value(key)
}
