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
	// foreign is set if the end of the context may call methods of contexts above that are a
	// user's.
	foreign bool

	mu       atomicx.Mutex
	err      error
	endCause error // the cause of the end
	after    map[*afterFunc]struct{}
	stop     func() bool // stops watching the parent
}

// An afterFunc is one function registered with a timed.
type afterFunc struct {
	f     func()
	wakes bool // f only wakes a waiter, so it calls no method of a user's context
}

var _ wait.Teller = (*timed)(nil)

func newTimed(parent context.Context, shared *rt.Shared, at time.Time, left time.Duration, cause error) (context.Context, context.CancelFunc) {
	if t, ok := parent.Deadline(); ok && t.Before(at) {
		return context.WithCancel(parent) // the parent's deadline comes first
	}
	timers := shared.Sched.Timers()
	x := &timed{parent: parent, at: at, cause: cause, shared: shared, timers: timers, foreign: mayBeForeign(parent)}
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
			stop := watch(parent, ended)
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
			timers.Disarm(&x.timer) // finish may have disarmed before Arm
		}
	}
	return x, func() { x.finish(context.Canceled, context.Canceled) }
}

// mayBeForeign reports whether parent may be a user's context, or have one above it. For a context
// of package context it returns true, because what is above that cannot be seen.
func mayBeForeign(parent context.Context) bool {
	switch p := parent.(type) {
	case *Ctx:
		return p.record().Extra().HasContext()
	case *timed:
		return p.foreign
	}
	return true
}

// watch is wait.Watch for a function that ends a timed context below parent.
func watch(parent context.Context, f func()) (stop func() bool) {
	if rt.OfCtx(parent) == nil {
		if x, ok := parent.Value(wait.TellerKey{}).(*timed); ok && x.done == parent.Done() {
			if stop, ok := x.register(&afterFunc{f: f}); ok {
				return stop
			}
		}
	}
	return wait.Watch(parent, f)
}

// above returns the context from which newTimed derives the inner context of a timed context under
// parent.
func above(parent context.Context) context.Context {
	if c, ok := parent.(*Ctx); ok && !c.life().Extra().HasContext() {
		return context.WithoutCancel(parent) // newTimed's wait.Watch ends the context as soon as c ends
	}
	if x, ok := parent.Value(wait.TellerKey{}).(*timed); ok && x.done == parent.Done() {
		return within{parent, x.inner}
	}
	if c, ok := From(parent); ok {
		if in := c.life().Inner(); in != nil && in.Done() == parent.Done() {
			return within{parent, in}
		}
	}
	return parent
}

// A within is a timed context or a Ctx, but shows package context its inner context. So the inner
// context that newTimed derives from the within becomes a child of that inner context.
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

// Fire implements rt.Fire. It ends the context aside if that may call methods of a user's context:
// in the chain above, or in contexts below that have registered a function.
func (x *timed) Fire(int64) {
	ended, stop, after := x.noteEnd(context.DeadlineExceeded, x.cause)
	if !ended {
		return
	}
	aside := x.foreign
	for a := range after {
		aside = aside || !a.wakes
	}
	if aside {
		x.shared.Aside(func() { x.tell(x.cause, stop, after) })
	} else {
		x.tell(x.cause, stop, after)
	}
}

// finish ends the context with err and cause, unless it has ended before.
func (x *timed) finish(err, cause error) {
	if ended, stop, after := x.noteEnd(err, cause); ended {
		x.tell(cause, stop, after)
	}
}

// noteEnd notes the end of the context. ended reports whether this call has ended it. Then the
// caller has to call tell with the other results.
func (x *timed) noteEnd(err, cause error) (ended bool, stop func() bool, after map[*afterFunc]struct{}) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.err != nil {
		return false, nil, nil
	}
	x.err, x.endCause = err, cause
	after = x.after
	x.after = nil
	return true, x.stop, after
}

// tell closes the channel of Done, and calls what waits for the end of the context.
func (x *timed) tell(cause error, stop func() bool, after map[*afterFunc]struct{}) {
	x.close(cause)
	x.timers.Disarm(&x.timer)
	for a := range after {
		a.f()
	}
	if stop != nil {
		stop()
	}
}

// close ends the inner context. If a context above is of a user's type, package context calls its
// methods, and they may panic. By then the inner context has ended, so close drops the panic.
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
		if above := x.parent.Err(); above != nil { // the watcher of parent has not run yet
			x.finish(above, context.Cause(x.parent))
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
	case cancelCtxKey:
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
	if stop, ok := x.register(&afterFunc{f: atEnd(f)}); ok {
		return stop
	}
	go f()
	return func() bool { return false }
}

// Register implements wait.Teller. Only waits register by it: see watch.
func (x *timed) Register(f func()) (stop func() bool, ok bool) {
	return x.register(&afterFunc{f: f, wakes: true})
}

func (x *timed) register(a *afterFunc) (stop func() bool, ok bool) {
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
