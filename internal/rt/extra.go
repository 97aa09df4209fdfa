package rt

import (
	"context"
	"errors"
	"maps"

	"github.com/heddle-go/heddle/internal/atomicx"
)

// Extra holds the state that only few tasks need. A descriptor gets an Extra when a task first
// needs one, and keeps it for the rest of that life.
//
// Each task under a context has an Extra, and a program may have very many such tasks. So what most
// of them never need is in objects of its own: openCalls and dependents. And the members of a group
// share one Extra, until one of them needs its own: see NewShared.
type Extra struct {
	// These are set before the task is queued.
	Name  string
	Level Level
	// Stolen is set if the task is a stolen call, which is cancelled with Owner: see stolen.go.
	Stolen bool
	// shared says that the Extra is that of several tasks. Nobody changes such an Extra: see Own.
	shared bool
	// bare says that Owner has no values and no deadline. So a Ctx that is kept for longer than its
	// task can do without Owner, and the descriptor may serve another task.
	bare bool
	// unlabelled says that Owner has no profiler labels.
	unlabelled bool
	// expired says that the cause is a passed deadline. It is set together with cause.
	expired bool
	// Owner is the context of the group that the task is a member of, or the Ctx of the task whose
	// stolen call it is, or nil.
	Owner    context.Context
	Parents  *ParentContext // the contexts of the submission's options, the last option first
	Deadline *Deadline      // nil if there is none
	Look     *Look          // nil if the scheduler does not ask for one

	// Err is set by the worker that ends the task, before Finish.
	Err error

	open *openCalls // nil if there were none; only the running task touches it

	mu    atomicx.Mutex
	cause error // the user's cause of the cancellation, or nil; under mu
	// deps changes once, under mu, from nil. A load of nil without mu says that the task has no
	// dependents yet: see dependents.
	deps atomicx.Pointer[dependents]
}

// openCalls are the calls that a task has to wait for before it ends.
type openCalls struct {
	frames   []*Frame // forked calls that were exposed to thieves and have not been joined
	detached *Call    // the call of Blocking that the task detached from when it was cancelled
}

// dependents is what has to be cancelled or ended with a task. It is under the mu of the Extra.
//
// Few tasks have dependents. So the party that cancels or ends a task looks for them without the
// lock first:
//
//	adds a dependent                        cancels or ends the task
//	Deps-A1  attach an Extra of the task's  Deps-E1  change the status
//	         own; under mu: store deps if   Deps-E2  load the Extra, then deps; if either
//	         it is nil, and add the                  is nil, there is no dependent
//	         dependent                      Deps-E3  otherwise, under mu, look for
//	Deps-A2  load the status; if the task            dependents
//	         is cancelled or has ended,
//	         take care of the dependent
//
// If Deps-E3 comes after Deps-A1, it finds the dependent. Otherwise Deps-E2 has found nil, or
// Deps-E3 comes before Deps-A1, under the same lock. In both cases Deps-E1 comes before Deps-A2,
// which sees the change. (If Deps-E2 finds nil, it comes before the store of Deps-A1.) If both
// sides take care of the dependent, the comments of needInner, of AfterDone and in stolen.go say
// which one acts.
type dependents struct {
	stolen     map[*Task]uint32 // stolen calls of the task
	inner      context.Context  // see inner.go; nil until it is needed
	end        context.CancelCauseFunc
	of         *Task // the task; set together with inner
	own        bool  // whether inner is faithful; set together with inner
	innerEnded bool  // end was called, or is about to be
	after      map[*func(l *Late)]struct{}
}

// needDeps returns the dependents for a caller that adds one (Deps-A1). The caller holds mu.
func (x *Extra) needDeps() *dependents {
	p := x.deps.Load()
	if p == nil {
		p = new(dependents)
		x.deps.Store(p)
	}
	return p
}

// needOpen returns the open calls for a caller that adds one. Only the running task may call it.
func (x *Extra) needOpen() *openCalls {
	if x.open == nil {
		x.open = new(openCalls)
	}
	return x.open
}

// ErrClosed is task.ErrClosed.
var ErrClosed error = closedError{}

type closedError struct{}

func (closedError) Error() string        { return "task: scheduler closed" }
func (closedError) Is(target error) bool { return target == context.Canceled }

// Extra returns the extension, or nil if this life has none.
func (d *Task) Extra() *Extra { return d.extra.Load() }

// NeedExtra returns the task's own extension. It attaches one if this life has none, or shares one
// with other tasks.
func (d *Task) NeedExtra() *Extra {
	for {
		x := d.extra.Load()
		if x != nil && !x.shared {
			return x
		}
		d.extra.CompareAndSwap(x, x.Own())
	}
}

// SetOwner puts the task of x, which is running, under owner.
func (x *Extra) SetOwner(owner context.Context) {
	x.Owner, x.bare, x.unlabelled = owner, false, false
}

// DropExtra takes the extension from d, which is free and whose last life had one.
func (d *Task) DropExtra() { d.extra.Store(nil) }

// NewShared returns an extension for all tasks that are under owner and need nothing else. A task
// that needs more gets an extension of its own: see NeedExtra. A shared extension has no
// dependents, so to a party that looks for dependents (Deps-E2) it is the same as none. bare
// reports whether owner has neither values nor a deadline, and labelled whether it may have
// profiler labels.
func NewShared(owner context.Context, bare, labelled bool) *Extra {
	return &Extra{Owner: owner, shared: true, bare: bare, unlabelled: !labelled}
}

// Own returns x if only one task can have it. Otherwise, and if x is nil, it returns a new extension
// with the context of x.
func (x *Extra) Own() *Extra {
	switch {
	case x == nil:
		return &Extra{}
	case x.shared:
		return &Extra{Owner: x.Owner, bare: x.bare, unlabelled: x.unlabelled}
	}
	return x
}

// AddStolen notes call, in life gen, as a stolen call of the task of x (Stolen-K1 in stolen.go).
func (x *Extra) AddStolen(call *Task, gen uint32) {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := x.needDeps()
	if p.stolen == nil {
		p.stolen = make(map[*Task]uint32)
	}
	p.stolen[call] = gen
}

// DropStolen undoes AddStolen.
func (x *Extra) DropStolen(call *Task) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.deps.Load().stolen, call)
}

// EachStolen calls f for each call that was added and not dropped. It calls f without the lock.
func (x *Extra) EachStolen(f func(call *Task, gen uint32)) {
	p := x.deps.Load() // (Deps-E2)
	if p == nil {
		return
	}
	x.mu.Lock() // (Deps-E3)
	stolen := maps.Clone(p.stolen)
	x.mu.Unlock()
	for k, gen := range stolen {
		f(k, gen)
	}
}

// CloseDone closes the channel of Done, if there is one, and calls the functions of AfterDone. It
// adds the calls that may reach a user's code to l, which may be nil, and returns the result. The
// caller has to make these calls: see Late. x may be nil.
func (x *Extra) CloseDone(l *Late) *Late {
	if x == nil {
		return l
	}
	p := x.deps.Load() // (Deps-E2)
	if p == nil {
		return l
	}
	x.mu.Lock() // (Deps-E3)
	after := p.after
	p.after = nil
	end := p.inner != nil && !p.innerEnded
	p.innerEnded = p.innerEnded || end
	x.mu.Unlock()
	if end {
		x.endInner()
	}
	if len(after) > 0 && l == nil {
		l = new(Late)
	}
	for f := range after {
		(*f)(l)
	}
	return l
}

// AfterDone registers f to be called once, when the life is cancelled or ends. The goroutine that
// cancels or ends the task calls f, so f must return soon, must not wait and must call no user's
// code. It adds such calls to l. stop takes f back; it returns false if f has been called or is
// about to be. If the task has been cancelled or has ended already, ok is false and f will not be
// called. f is not lost: see dependents. It is not called twice, because the caller takes it out
// under mu.
func (c *Life) AfterDone(f func(l *Late)) (stop func() bool, ok bool) {
	d := c.Task()
	if !d.escape(c.Gen()) {
		return nil, false
	}
	x := d.NeedExtra()
	x.mu.Lock()
	defer x.mu.Unlock()
	p := x.needDeps()                                                 // (Deps-A1)
	if s := d.Status(); p.innerEnded || s.Cancelled() || !s.InUse() { // (Deps-A2)
		return nil, false
	}
	if p.after == nil {
		p.after = make(map[*func(l *Late)]struct{})
	}
	p.after[&f] = struct{}{}
	return func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		_, was := p.after[&f]
		delete(p.after, &f)
		return was
	}, true
}

// SetCause records the cause of the cancellation of life gen that the caller is about to make. It
// keeps an earlier cause. expired says that a deadline has passed. SetCause returns false if life
// gen has ended. Otherwise the descriptor serves no later life, so the cause cannot become that of
// another task.
func (d *Task) SetCause(gen uint32, err error, expired bool) bool {
	if !d.escape(gen) {
		return false
	}
	x := d.NeedExtra()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.cause == nil {
		x.cause, x.expired = err, expired
	}
	return true
}

// CancelErr returns the result of context.Context's Err for the present life, which must be
// cancelled.
func (d *Task) CancelErr() error {
	if d.Status().has(flagCaused) {
		if x := d.Extra(); x != nil && x.hasExpired() {
			return context.DeadlineExceeded
		}
	}
	return context.Canceled
}

func (x *Extra) hasExpired() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.expired
}

// Expired reports whether err, the Err of a context, says that a deadline has passed.
func Expired(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

func (x *Extra) getCause() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.cause
}

// Release ends the watch over the contexts that the task is under, and releases its deadline. The
// party that has ended the task calls it.
func (x *Extra) Release() {
	if x.Deadline != nil {
		x.Deadline.release()
	}
	x.Drop()
}

// HasContext reports whether the task is under a context, so that its Ctx has values. x may be nil.
func (x *Extra) HasContext() bool { return x != nil && (x.Parents != nil || x.Owner != nil) }

// Bare reports whether the task is under no context, and its Ctx has no values and no deadline. x
// may be nil.
func (x *Extra) Bare() bool {
	return x == nil || !x.HasContext() && x.Deadline == nil && x.Labels() == nil
}

// KeepsValues reports whether a Ctx of the task that is kept has to show values or a deadline even
// after the task has ended. Then the descriptor serves no other task. x may be nil.
func (x *Extra) KeepsValues() bool {
	return x != nil && (x.Parents != nil || x.Owner != nil && (!x.bare || x.Deadline != nil))
}

// MayHaveLabels reports whether the scheduler or a context may give the task profiler labels.
func (x *Extra) MayHaveLabels() bool {
	return x.Labels() != nil || x.Parents != nil || x.Owner != nil && !x.unlabelled
}

// Labels returns the context with the labels that the scheduler gives the task, or nil.
func (x *Extra) Labels() context.Context {
	if x == nil || x.Look == nil {
		return nil
	}
	return x.Look.Labels
}
