package rt

import (
	"context"
	"errors"
	"maps"
	"sync"
)

// Extra holds the state that only few tasks need. A descriptor gets an Extra when a task first
// needs one, and keeps it for the rest of that life.
type Extra struct {
	// These are set before the task is queued.
	Name  string
	Level Level
	// Stolen is set if the task is a stolen call, which is cancelled with Owner: see stolen.go.
	Stolen bool
	// Owner is the context of the group that the task is a member of, or the Ctx of the task whose
	// stolen call it is, or nil.
	Owner    context.Context
	Parents  *ParentContext // the contexts of the submission's options, the last option first
	Deadline *Deadline      // nil if there is none
	Look     *Look          // nil if the scheduler does not ask for one

	// Err is set by the worker that ends the task, before Finish.
	Err error

	// frames are the task's forked calls that were exposed to thieves and have not been joined.
	// Only the running task touches them.
	frames []*Frame
	// detached is the call of Blocking that the task detached from when it was cancelled. The task
	// waits for it before it ends. Only the running task touches it.
	detached *Call

	mu         sync.Mutex
	stolen     map[*Task]uint32 // stolen calls of this task, to be cancelled with it
	inner      context.Context  // see inner.go; nil until it is needed
	end        context.CancelCauseFunc
	of         *Task // the task; set together with inner
	own        bool  // whether inner is faithful; set together with inner
	innerEnded bool  // end was called, or is about to be
	cause      error // the user's cause of the cancellation, or nil
	expired    bool  // the cause is a passed deadline; set together with cause
	after      map[*func(l *Late)]struct{}
}

// ErrClosed is task.ErrClosed.
var ErrClosed error = closedError{}

type closedError struct{}

func (closedError) Error() string        { return "task: scheduler closed" }
func (closedError) Is(target error) bool { return target == context.Canceled }

// Extra returns the extension, or nil if this life has none.
func (d *Task) Extra() *Extra { return d.extra.Load() }

// NeedExtra returns the extension, and attaches one if this life has none.
func (d *Task) NeedExtra() *Extra {
	for {
		if x := d.extra.Load(); x != nil {
			return x
		}
		d.extra.CompareAndSwap(nil, &Extra{})
	}
}

// AddStolen notes call, in life gen, as a stolen call of the task of x (Stolen-K1 in stolen.go).
func (x *Extra) AddStolen(call *Task, gen uint32) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.stolen == nil {
		x.stolen = make(map[*Task]uint32)
	}
	x.stolen[call] = gen
}

// DropStolen undoes AddStolen.
func (x *Extra) DropStolen(call *Task) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.stolen, call)
}

// EachStolen calls f for each call that was added and not dropped. It calls f without the lock.
func (x *Extra) EachStolen(f func(call *Task, gen uint32)) {
	x.mu.Lock()
	stolen := maps.Clone(x.stolen)
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
	x.mu.Lock()
	after := x.after
	x.after = nil
	end := x.inner != nil && !x.innerEnded
	x.innerEnded = x.innerEnded || end
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
// called. AfterDone and CloseDone both act under mu, so the argument at needInner in inner.go shows
// that f is neither lost nor called twice.
func (c *Life) AfterDone(f func(l *Late)) (stop func() bool, ok bool) {
	d := c.Task()
	if !d.escape(c.Gen()) {
		return nil, false
	}
	x := d.NeedExtra()
	x.mu.Lock()
	defer x.mu.Unlock()
	if s := d.Status(); x.innerEnded || s.Cancelled() || !s.InUse() {
		return nil, false
	}
	if x.after == nil {
		x.after = make(map[*func(l *Late)]struct{})
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

// Labels returns the context with the labels that the scheduler gives the task, or nil.
func (x *Extra) Labels() context.Context {
	if x == nil || x.Look == nil {
		return nil
	}
	return x.Look.Labels
}
