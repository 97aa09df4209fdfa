package task

import (
	"context"
	"time"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
)

// Deadline has the task cancelled, with the cause [context.DeadlineExceeded], at t on the scheduler's clock, if it has not
// ended by then. If it has not started, it never will. [Ctx.Deadline] reports it, unless the parent's is earlier. With
// more than one Deadline or [Timeout] the earliest counts. The zero Time is no deadline, as where context.Context.Deadline
// reports none: the option then does nothing. It costs an allocation of about 200 bytes.
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

// Timeout is [Deadline] with a duration that is measured from the submission.
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
		x.Deadline = &rt.Deadline{Expire: expire}
	}
	return x.Deadline
}

func expire(d *rt.Task, gen uint32) {
	handle(d, gen).cancel(context.DeadlineExceeded, context.DeadlineExceeded)
}

// WithDeadline is [context.WithDeadline] by the clock and the timers of heddle: it returns a context derived from ctx that
// ends at t, if ctx does not end first. ctx is a task's Ctx or derived from one; the context so keeps its time where goroutines
// and their timers wait for a processor, beside tasks that compute, and goes by the clock of the task's scheduler. Given any other ctx, it
// is context.WithDeadline.
//
// At its time the context's Err is [context.DeadlineExceeded], and so is that of contexts derived from it. cancel
// ends the context and frees its timer; call it when the work is done. Any goroutine may call it.
func WithDeadline(ctx context.Context, t time.Time) (_ context.Context, cancel context.CancelFunc) {
	return WithDeadlineCause(ctx, t, nil)
}

// WithTimeout is [WithDeadline] with a time that is d from now.
func WithTimeout(ctx context.Context, d time.Duration) (_ context.Context, cancel context.CancelFunc) {
	return WithTimeoutCause(ctx, d, nil)
}

// WithTimeoutCause is [WithTimeout] with a cause, as for [context.WithTimeoutCause].
func WithTimeoutCause(ctx context.Context, d time.Duration, cause error) (_ context.Context, cancel context.CancelFunc) {
	if c := ofTask(ctx); c != nil {
		timers := c.record().Shared().Sched.Timers()
		return newTimed(ctx, timers, timers.Time().Add(d), d, cause)
	}
	return context.WithTimeoutCause(ctx, d, cause)
}

// WithDeadlineCause is [WithDeadline] with a cause, which [context.Cause] returns when the time has come, as for
// [context.WithDeadlineCause].
func WithDeadlineCause(ctx context.Context, t time.Time, cause error) (_ context.Context, cancel context.CancelFunc) {
	if c := ofTask(ctx); c != nil {
		timers := c.record().Shared().Sched.Timers()
		return newTimed(ctx, timers, t, t.Sub(timers.Time()), cause)
	}
	return context.WithDeadlineCause(ctx, t, cause)
}

func ofTask(ctx context.Context) *Ctx {
	c, _ := From(ctx)
	return c
}

// A timed is a context with a deadline, by heddle's timers.
//
// It has an inner context of package context's, whose Done channel it shows. That is a child of the context above, so the
// channel is closed when the cancel function of a context above returns. The inner context's own cancel function would make
// its Err Canceled, and so that of its children. So it is not shown to package context (see Value), which then
// registers contexts that are derived from the timed one by AfterFunc. After the end context.Cause finds the cause there.
type timed struct {
	parent context.Context
	inner  context.Context
	end    context.CancelCauseFunc // of inner
	at     time.Time
	cause  error // of the deadline
	timers rt.Timers
	timer  rt.Timer
	done   <-chan struct{} // of inner

	mu    atomicx.Mutex
	err   error
	why   error // the cause of the end
	after map[*afterFunc]struct{}
	stop  func() bool // ends the watch over the parent
}

// An afterFunc is one registration.
type afterFunc struct{ f func() }

var _ wait.Teller = (*timed)(nil)

func newTimed(parent context.Context, timers rt.Timers, at time.Time, left time.Duration, cause error) (context.Context, context.CancelFunc) {
	if t, ok := parent.Deadline(); ok && t.Before(at) {
		return context.WithCancel(parent) // whose time comes first
	}
	x := &timed{parent: parent, at: at, cause: cause, timers: timers}
	if cause == nil {
		x.cause = context.DeadlineExceeded
	}
	x.inner, x.end = context.WithCancelCause(above(parent))
	x.done = x.inner.Done()
	x.timer.Do = x
	if parent.Done() != nil {
		ended := func() { x.finish(parent.Err(), context.Cause(parent)) }
		if parent.Err() != nil {
			ended()
		} else {
			stop := wait.Watch(parent, ended)
			x.mu.Lock()
			x.stop = stop
			over := x.err != nil
			x.mu.Unlock()
			if over {
				stop()
			}
		}
	}
	if left <= 0 {
		x.finish(context.DeadlineExceeded, x.cause)
	} else if x.Err() == nil {
		timers.Arm(&x.timer, rt.After(timers.Now(), left))
		if x.Err() != nil {
			timers.Disarm(&x.timer) // finish came before
		}
	}
	return x, func() { x.finish(context.Canceled, context.Canceled) }
}

// above returns the context that the inner one of a timed context under parent is a child of.
func above(parent context.Context) context.Context {
	if c, ok := parent.(*Ctx); ok && !c.record().Extra().HasContext() {
		return context.WithoutCancel(parent) // when c ends, so does the timed context, at once: see watch
	}
	if x, ok := parent.Value(wait.TellerKey{}).(*timed); ok && x.done == parent.Done() {
		return within{parent, x.inner}
	}
	if c, ok := From(parent); ok {
		if in := c.record().Inner(); in != nil && in.Done() == parent.Done() {
			return within{parent, in}
		}
	}
	return parent
}

// A within is a context of ours that shows its inner context to package context.
type within struct {
	context.Context
	inner context.Context
}

// Value implements context.Context.
func (w within) Value(key any) any {
	if key == cancelCtxKey {
		return w.inner.Value(key)
	}
	return w.Context.Value(key)
}

// Fire implements rt.Fire.
func (x *timed) Fire(int64) { x.finish(context.DeadlineExceeded, x.cause) }

// finish ends the context, if it has not ended.
func (x *timed) finish(err, cause error) {
	x.mu.Lock()
	if x.err != nil {
		x.mu.Unlock()
		return
	}
	x.err, x.why = err, cause
	stop := x.stop
	after := x.after
	x.after = nil
	x.mu.Unlock()
	x.close(cause)
	x.timers.Disarm(&x.timer)
	for a := range after {
		a.f()
	}
	if stop != nil {
		stop()
	}
}

// close ends the inner context. A method of a user's context above it may panic when it is told; the inner one has ended
// then.
func (x *timed) close(cause error) {
	defer func() { _ = recover() }()
	x.end(cause)
}

// Deadline implements context.Context.
func (x *timed) Deadline() (time.Time, bool) { return x.at, true }

// Done implements context.Context.
func (x *timed) Done() <-chan struct{} { return x.done }

// Err implements context.Context.
func (x *timed) Err() error {
	err, _ := x.state()
	if err == nil {
		if above := x.parent.Err(); above != nil { // the goroutine that follows its end has not come yet
			x.finish(above, context.Cause(x.parent))
			err, _ = x.state()
		}
	}
	if err != nil {
		<-x.done // it is being closed; as package context does
	}
	return err
}

// state returns Err and the cause as far as x itself has ended.
func (x *timed) state() (err, cause error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.err, x.why
}

// String returns the names of the contexts above, and the deadline.
func (x *timed) String() string {
	return nameOf(x.parent) + ".WithDeadline(" + x.at.String() + ")"
}

// Value implements context.Context.
func (x *timed) Value(key any) any {
	switch key {
	case wait.TellerKey{}:
		return x
	case cancelCtxKey:
		if err, cause := x.state(); err != nil {
			return withCause(x.inner, cause)
		}
		return nil
	}
	return x.inner.Value(key)
}

// AfterFunc is what package context looks for in a context that is not its own: see atEnd. If the context has ended
// already, f is called by a goroutine, because package context holds a lock here.
func (x *timed) AfterFunc(f func()) (stop func() bool) {
	if stop, ok := x.Register(atEnd(f)); ok {
		return stop
	}
	go f()
	return func() bool { return false }
}

// Register implements wait.Teller.
func (x *timed) Register(f func()) (stop func() bool, ok bool) {
	a := &afterFunc{f}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.err != nil {
		return nil, false
	}
	if x.after == nil {
		x.after = make(map[*afterFunc]struct{})
	}
	x.after[a] = struct{}{}
	return func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		_, was := x.after[a]
		delete(x.after, a)
		return was
	}, true
}

// AfterFunc has f called when the task is cancelled or ends, on a goroutine of its own, as [context.AfterFunc] does; at once
// if that has happened already. A panic of f ends the program. stop reports whether it has kept f from being called. Package
// context looks for this method in a context that is not its own: with it, contexts derived from a Ctx need no
// goroutine that waits for its end.
func (c *Ctx) AfterFunc(f func()) (stop func() bool) {
	if stop, ok := c.record().AfterDone(atEnd(f)); ok {
		return stop
	}
	go f()
	return func() bool { return false }
}

// Sleep waits until d has passed, parking the task or blocking the goroutine. When ctx ends first it returns the
// cause. If d is not positive it returns at once, for a task after a [Ctx.Yield].
//
// A task sleeps by the clock of its scheduler, a goroutine by real time.
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

// A sleeper is a task that sleeps under another context than its own.
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
