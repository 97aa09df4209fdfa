package task

import (
	"context"
	"time"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
)

// Deadline cancels the task at t, on the scheduler's clock, with the cause
// [context.DeadlineExceeded], if the task has not ended by then. If the task has not started, it
// never will. [Ctx.Deadline] reports t, unless a parent's deadline is earlier. If a task has more
// than one Deadline or [Timeout], the earliest counts. The zero Time means no deadline, because
// that is what context.Context.Deadline returns if there is none. With it, the option does nothing.
// The option allocates about 200 bytes.
func Deadline(t time.Time) Option {
	if t.IsZero() {
		return Option{}
	}
	return Option{func(x *rt.Extra) {
		l := limitOf(x)
		if l.At.IsZero() || t.Before(l.At) {
			l.At = t
		}
	}}
}

// Timeout is [Deadline] with a duration, counted from the submission.
func Timeout(d time.Duration) Option {
	return Option{func(x *rt.Extra) {
		l := limitOf(x)
		if !l.Timed || d < l.After {
			l.After = d
		}
		l.Timed = true
	}}
}

func limitOf(x *rt.Extra) *rt.Deadline {
	if x.Deadline == nil {
		x.Deadline = new(rt.Deadline)
	}
	return x.Deadline
}

// WithDeadline is [context.WithDeadline] with heddle's clock and timers. It returns a context that
// is derived from ctx and ends at t, if ctx does not end first. ctx is a task's Ctx, or derived
// from one. The context goes by the clock of the task's scheduler. It ends on time even beside
// tasks that compute, where goroutines and their timers would wait for a processor. If ctx belongs
// to no task, WithDeadline is context.WithDeadline.
//
// When the context reaches t, its Err is [context.DeadlineExceeded], and so is the Err of contexts
// derived from it. cancel ends the context and frees its timer: call it when the work is done. Any
// goroutine may call cancel.
func WithDeadline(ctx context.Context, t time.Time) (_ context.Context, cancel context.CancelFunc) {
	return WithDeadlineCause(ctx, t, nil)
}

// WithTimeout is [WithDeadline] with a deadline that is d from now.
func WithTimeout(ctx context.Context, d time.Duration) (_ context.Context, cancel context.CancelFunc) {
	return WithTimeoutCause(ctx, d, nil)
}

// WithTimeoutCause is [WithTimeout] with a cause, like [context.WithTimeoutCause].
func WithTimeoutCause(ctx context.Context, d time.Duration, cause error) (_ context.Context, cancel context.CancelFunc) {
	if c := ofTask(ctx); c != nil {
		shared := c.record().Shared()
		return newTimed(ctx, shared, shared.Sched.Timers().Time().Add(d), d, cause)
	}
	return context.WithTimeoutCause(ctx, d, cause)
}

// WithDeadlineCause is [WithDeadline] with a cause, which [context.Cause] returns once the deadline
// has passed, like [context.WithDeadlineCause].
func WithDeadlineCause(ctx context.Context, t time.Time, cause error) (_ context.Context, cancel context.CancelFunc) {
	if c := ofTask(ctx); c != nil {
		shared := c.record().Shared()
		return newTimed(ctx, shared, t, t.Sub(shared.Sched.Timers().Time()), cause)
	}
	return context.WithDeadlineCause(ctx, t, cause)
}

func ofTask(ctx context.Context) *Ctx {
	c, _ := From(ctx)
	return c
}

// A timed is a context whose deadline is one of heddle's timers.
//
// It has an inner context, made by package context, and its Done returns the inner context's
// channel. The inner context is a child of the context above, so the channel is closed when the
// cancel function of a context above returns. But the inner context's own cancel function sets the
// Err of the inner context and of its children to Canceled, and a deadline needs DeadlineExceeded.
// So contexts derived from the timed context must not become children of the inner one. Therefore
// Value hides the inner context from package context, which then registers the derived contexts by
// AfterFunc. After the end, Value shows package context an ended context, so that context.Cause
// finds the cause.
type timed struct {
	parent context.Context
	inner  context.Context
	end    context.CancelCauseFunc // ends inner
	at     time.Time
	cause  error // the cause if the deadline passes
	shared *rt.Shared
	timers rt.Timers // of shared
	timer  rt.Timer
	done   <-chan struct{} // inner.Done()

	mu       atomicx.Mutex
	err      error
	endCause error // the cause of the end
	after    map[*func(l *rt.Late)]struct{}
	stop     func() bool // stops watching the parent
}

var _ wait.Teller = (*timed)(nil)

func newTimed(parent context.Context, shared *rt.Shared, at time.Time, left time.Duration, cause error) (context.Context, context.CancelFunc) {
	if t, ok := parent.Deadline(); ok && t.Before(at) {
		return context.WithCancel(parent) // the parent's deadline comes first
	}
	timers := shared.Sched.Timers()
	x := &timed{parent: parent, at: at, cause: cause, shared: shared, timers: timers}
	if cause == nil {
		x.cause = context.DeadlineExceeded
	}
	from, of := above(parent)
	x.inner, x.end = context.WithCancelCause(from)
	x.done = x.inner.Done()
	x.timer.Do = x
	if parent.Done() != nil {
		if parent.Err() != nil {
			x.finish(parent.Err(), context.Cause(parent)).Run()
		} else {
			stop := x.watch(of)
			x.mu.Lock()
			x.stop = stop
			ended := x.err != nil
			x.mu.Unlock()
			if ended {
				stop()
			}
		}
	}
	if left <= 0 {
		x.finish(context.DeadlineExceeded, x.cause).Run()
	} else if x.Err() == nil {
		timers.Arm(&x.timer, rt.After(timers.Now(), left))
		if x.Err() != nil {
			timers.Disarm(&x.timer) // finish may have disarmed before Arm
		}
	}
	return x, func() { x.finish(context.Canceled, context.Canceled).Run() }
}

// watch makes x end when the context above ends. of is as above returns it. stop calls no user's
// code.
func (x *timed) watch(of context.Context) (stop func() bool) {
	end := func() *rt.Late { return x.finish(of.Err(), context.Cause(of)) }
	ok := false
	switch of := of.(type) {
	case *Ctx:
		stop, ok = of.life().AfterDone(func(l *rt.Late) { l.Join(end()) })
	case *timed:
		stop, ok = of.Register(func(l *rt.Late) { l.Join(end()) })
	default:
		// The inner context ends with parent, and taking x out of it again calls no method of
		// parent.
		of = x.parent
		return context.AfterFunc(x.inner, func() { x.finish(of.Err(), context.Cause(of)).Run() })
	}
	if !ok { // it has just ended
		end().Run()
		stop = func() bool { return false }
	}
	return stop
}

// above returns the context from which newTimed derives the inner context of a timed context under
// parent. If parent has the Done channel of a Ctx or a timed context, of is that context.
func above(parent context.Context) (from, of context.Context) {
	if c, ok := parent.(*Ctx); ok && !c.life().Extra().HasContext() {
		return context.WithoutCancel(parent), c // watch ends the context as soon as c ends
	}
	if x, ok := parent.Value(wait.TellerKey{}).(*timed); ok && x.done == parent.Done() {
		return rt.Within(parent, x.inner), x
	}
	if c, ok := From(parent); ok {
		if in := c.life().Inner(); in != nil && in.Done() == parent.Done() {
			return rt.Within(parent, in), c
		}
	}
	return rt.See(parent), nil
}

// Fire implements rt.Fire.
func (x *timed) Fire(int64) {
	x.finish(context.DeadlineExceeded, x.cause).Aside(x.shared, nil)
}

// finish ends the context with err and cause, unless it has ended before. It calls no user's code.
// The caller has to make the calls of late.
func (x *timed) finish(err, cause error) (late *rt.Late) {
	x.mu.Lock()
	if x.err != nil {
		x.mu.Unlock()
		return nil
	}
	x.err, x.endCause = err, cause
	stop, after := x.stop, x.after
	x.after = nil
	x.mu.Unlock()
	if stop != nil {
		stop() // first, because the end of inner would start a goroutine for a watch of inner
	}
	x.end(cause)
	x.timers.Disarm(&x.timer)
	if len(after) > 0 {
		late = new(rt.Late)
	}
	for f := range after {
		(*f)(late)
	}
	return late
}

// Deadline implements context.Context.
func (x *timed) Deadline() (time.Time, bool) { return x.at, true }

// Done implements context.Context.
func (x *timed) Done() <-chan struct{} { return x.done }

// Err implements context.Context.
func (x *timed) Err() error {
	err, _ := x.state()
	if err == nil {
		if above := x.parent.Err(); above != nil { // the watcher of parent has not run yet
			x.finish(above, context.Cause(x.parent)).Run()
			err, _ = x.state()
		}
	}
	if err != nil {
		<-x.done // finish is about to close it; Err in package context waits for Done, too
	}
	return err
}

// state returns the error and the cause of x's own end, or nil if x itself has not ended.
func (x *timed) state() (err, cause error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.err, x.endCause
}

// String returns the name of the parent context and the deadline.
func (x *timed) String() string {
	return nameOf(x.parent) + ".WithDeadline(" + x.at.String() + ")"
}

// Value implements context.Context.
func (x *timed) Value(key any) any {
	switch key {
	case wait.TellerKey{}:
		return x
	case rt.StdKey:
		if err, cause := x.state(); err != nil {
			return withCause(x.inner, cause)
		}
		return nil
	}
	return x.inner.Value(key)
}

// AfterFunc is the method that package context looks for in a context that is not its own: see
// atEnd. If x has already ended, AfterFunc starts a goroutine to call f, because package context
// calls AfterFunc with a lock held.
func (x *timed) AfterFunc(f func()) (stop func() bool) {
	if stop, ok := x.Register(atEnd(f)); ok {
		return stop
	}
	go f()
	return func() bool { return false }
}

// Register implements wait.Teller.
func (x *timed) Register(f func(l *rt.Late)) (stop func() bool, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.err != nil {
		return nil, false
	}
	if x.after == nil {
		x.after = make(map[*func(l *rt.Late)]struct{})
	}
	x.after[&f] = struct{}{}
	return func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		_, was := x.after[&f]
		delete(x.after, &f)
		return was
	}, true
}

// AfterFunc arranges for f to be called in a goroutine of its own when the task is cancelled or
// ends, as [context.AfterFunc] does. If that has already happened, f is called at once. A panic of
// f ends the program. stop reports whether it has kept f from being called.
//
// Package context looks for this method in a context that is not its own. Because a Ctx has it,
// contexts derived from a Ctx need no goroutine that waits for the task's end.
func (c *Ctx) AfterFunc(f func()) (stop func() bool) {
	if c == nil {
		panic(nilCtx)
	}
	if stop, ok := c.life().AfterDone(atEnd(f)); ok {
		return stop
	}
	go f()
	return func() bool { return false }
}

// Sleep waits for the duration d, parking the task or blocking the goroutine. If ctx ends first,
// Sleep returns the cause. If d is not positive, Sleep returns at once; a task first does a
// [Ctx.Yield].
//
// A task sleeps by its scheduler's clock, a goroutine by real time.
func Sleep(ctx context.Context, d time.Duration) error {
	c, err := enter(ctx)
	if err != nil {
		return err
	}
	if c == nil {
		return sleepGoroutine(ctx, d)
	}
	if ctx == context.Context(c) {
		return c.sleep(d)
	}
	if d <= 0 {
		c.Yield()
		if ctx.Err() != nil {
			return wait.CauseOf(ctx)
		}
		return nil
	}
	s := &sleeper{timers: c.record().Shared().Sched.Timers()}
	s.Prepare(ctx, c.record())
	s.timer.Do = s
	s.timers.Arm(&s.timer, rt.After(s.timers.Now(), d))
	err = s.Wait()
	s.timers.Disarm(&s.timer)
	return err
}

// A sleeper is a task that sleeps under a context other than its own Ctx.
type sleeper struct {
	wait.Waiter
	timers rt.Timers
	timer  rt.Timer
}

// Fire implements rt.Fire.
func (s *sleeper) Fire(int64) {
	if s.Claim() {
		s.Wake(nil)
	}
}

func sleepGoroutine(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return wait.CauseOf(ctx)
	}
}
