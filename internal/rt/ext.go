package rt

import (
	"context"
	"errors"
	"maps"
	"sync"
)

// Ext holds what few tasks have. It is attached to a descriptor when it is first
// needed, and stays for the rest of that life.
type Ext struct {
	// Set before the task is queued.
	Name   string
	Level  Level
	Stolen bool            // it is a stolen call, which is cancelled with Parent: see kids.go
	Parent context.Context // what the task is a part of: a group's context, or the Ctx whose stolen call it is
	Under  *Under          // the contexts that the submission has put it under, the last one first
	Limit  *Limit          // the deadline, if there is one

	// Set by the worker that ends the task, before Finish.
	Err error

	// frames are the task's forked calls that were exposed to thieves and have not
	// been joined. The running task's own.
	frames []*Frame
	left   *Call // of Blocking, which the cancelled task has left; it waits for that before it ends. The running task's own

	mu      sync.Mutex
	kids    map[*Desc]uint32 // stolen calls of this task, to be cancelled with it
	inner   context.Context  // see inner.go; nil until it is needed
	end     context.CancelCauseFunc
	of      *Desc // the task; set with inner
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

// Ext returns the extension, or nil.
func (d *Desc) Ext() *Ext { return d.ext.Load() }

// NeedExt returns the extension, and makes one if there is none.
func (d *Desc) NeedExt() *Ext {
	for {
		if x := d.ext.Load(); x != nil {
			return x
		}
		d.ext.CompareAndSwap(nil, &Ext{})
	}
}

// AddKid notes kid as a stolen call of the task of x (K1 in kids.go).
func (x *Ext) AddKid(kid *Desc, gen uint32) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.kids == nil {
		x.kids = make(map[*Desc]uint32)
	}
	x.kids[kid] = gen
}

// DropKid takes back AddKid.
func (x *Ext) DropKid(kid *Desc) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.kids, kid)
}

// EachKid calls f for each kid that was added and not dropped. f runs without the lock.
func (x *Ext) EachKid(f func(kid *Desc, gen uint32)) {
	x.mu.Lock()
	kids := maps.Clone(x.kids)
	x.mu.Unlock()
	for k, gen := range kids {
		f(k, gen)
	}
}

// CloseDone closes the channel of Done, if there is one, and calls the functions of AfterDone.
func (x *Ext) CloseDone() {
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
func (d *Desc) AfterDone(f func()) (stop func() bool, ok bool) {
	if !d.escape(d.Gen()) {
		return nil, false
	}
	x := d.NeedExt()
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
func (d *Desc) SetCause(gen uint32, err error, expired bool) bool {
	if !d.escape(gen) {
		return false
	}
	x := d.NeedExt()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.cause == nil {
		x.cause, x.expired = err, expired
	}
	return true
}

// CancelErr returns what context.Context's Err says of the present life, which is cancelled.
func (d *Desc) CancelErr() error {
	if d.Status().has(flagCaused) {
		if x := d.Ext(); x != nil && x.hasExpired() {
			return context.DeadlineExceeded
		}
	}
	return context.Canceled
}

func (x *Ext) hasExpired() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.expired
}

// Expired reports whether err, of a context, says that a deadline has passed.
func Expired(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

func (x *Ext) getCause() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.cause
}

// Release ends the watch over the contexts that the task is under, and over the deadline.
func (x *Ext) Release() {
	if x.Limit != nil {
		x.Limit.release()
	}
	x.Drop()
}

// HasContext reports whether the task is under a context, so that its Ctx has values. x may be nil.
func (x *Ext) HasContext() bool { return x != nil && (x.Under != nil || x.Parent != nil) }
