package rt

import (
	"context"
	"errors"
	"maps"
	"sync"
)

// Extra holds what few tasks have. It is attached to a descriptor when it is first
// needed, and stays for the rest of that life.
type Extra struct {
	// Set before the task is queued.
	Name     string
	Level    Level
	Stolen   bool            // it is a stolen call, which is cancelled with Owner: see stolen.go
	Owner    context.Context // what the task is a part of: a group's context, or the Ctx whose stolen call it is
	Parents  *ParentContext  // the contexts that the submission has put it under, the last one first
	Deadline *Deadline       // the deadline, if there is one

	// Set by the worker that ends the task, before Finish.
	Err error

	// frames are the task's forked calls that were exposed to thieves and have not
	// been joined. The running task's own.
	frames []*Frame
	left   *Call // of Blocking, which the cancelled task has left; it waits for that before it ends. The running task's own

	mu      sync.Mutex
	stolen  map[*Task]uint32 // stolen calls of this task, to be cancelled with it
	inner   context.Context  // see inner.go; nil until it is needed
	end     context.CancelCauseFunc
	of      *Task // the task; set with inner
	own     bool  // inner is faithful; set with it
	ended   bool  // end was called, or is about to be
	cause   error // of the cancellation, if it is the user's
	expired bool  // with cause: a deadline passed
	after   map[*func()]struct{}
}

// ErrClosed is task.ErrClosed.
var ErrClosed error = closedError{}

type closedError struct{}

func (closedError) Error() string        { return "task: scheduler closed" }
func (closedError) Is(target error) bool { return target == context.Canceled }

// Extra returns the extension, or nil.
func (d *Task) Extra() *Extra { return d.extra.Load() }

// NeedExtra returns the extension, and makes one if there is none.
func (d *Task) NeedExtra() *Extra {
	for {
		if x := d.extra.Load(); x != nil {
			return x
		}
		d.extra.CompareAndSwap(nil, &Extra{})
	}
}

// AddStolen notes kid as a stolen call of the task of x (K1 in kids.go).
func (x *Extra) AddStolen(call *Task, gen uint32) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.stolen == nil {
		x.stolen = make(map[*Task]uint32)
	}
	x.stolen[call] = gen
}

// DropStolen takes back AddStolen.
func (x *Extra) DropStolen(call *Task) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.stolen, call)
}

// EachStolen calls f for each kid that was added and not dropped. f runs without the lock.
func (x *Extra) EachStolen(f func(call *Task, gen uint32)) {
	x.mu.Lock()
	stolen := maps.Clone(x.stolen)
	x.mu.Unlock()
	for k, gen := range stolen {
		f(k, gen)
	}
}

// CloseDone closes the channel of Done, if there is one, and calls the functions of AfterDone.
func (x *Extra) CloseDone() {
	x.mu.Lock()
	after := x.after
	x.after = nil
	end := x.inner != nil && !x.ended
	x.ended = x.ended || end
	x.mu.Unlock()
	if end {
		x.endInner()
	}
	for f := range after {
		(*f)()
	}
}

// AfterDone has f called, once, when the task is cancelled or ends, by the goroutine that cancels or ends it. f must
// return, and must not wait. AfterDone reports false, and will not call f, if that has happened. The argument is that of
// Done.
func (d *Task) AfterDone(f func()) (stop func() bool, ok bool) {
	if !d.escape(d.Gen()) {
		return nil, false
	}
	x := d.NeedExtra()
	x.mu.Lock()
	defer x.mu.Unlock()
	if s := d.Status(); x.ended || s.Cancelled() || !s.InUse() {
		return nil, false
	}
	if x.after == nil {
		x.after = make(map[*func()]struct{})
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

// SetCause records why life gen is about to be cancelled, unless a reason is known already. expired says that a
// deadline has passed. SetCause reports false if that life has ended. The descriptor is then kept for it, so that the
// cause cannot become another life's.
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

// CancelErr returns what context.Context's Err says of the present life, which is cancelled.
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

// Expired reports whether err, of a context, says that a deadline has passed.
func Expired(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

func (x *Extra) getCause() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.cause
}

// Release ends the watch over the contexts that the task is under, and over the deadline.
func (x *Extra) Release() {
	if x.Deadline != nil {
		x.Deadline.release()
	}
	x.Drop()
}

// HasContext reports whether the task is under a context, so that its Ctx has values. x may be nil.
func (x *Extra) HasContext() bool { return x != nil && (x.Parents != nil || x.Owner != nil) }
