package rt

import (
	"context"
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

	mu    sync.Mutex
	kids  map[*Desc]uint32 // stolen calls of this task, to be cancelled with it
	done  chan struct{}
	ended bool        // done is closed
	cause error       // of the cancellation, if it is the user's
	stop  func() bool // ends the watch over Parent
	after map[*func()]struct{}
}

// An Under is a context that a submission has put its task under: the task is cancelled with it and has its
// deadline and values.
type Under struct {
	context.Context
	Next *Under
}

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

// Watch has stop called when the task ends. Called before the task is queued or
// by the task itself.
func (x *Ext) Watch(stop func() bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.stop = stop
}

// Done returns the channel that is closed when the task is cancelled or ends.
func (d *Desc) Done() <-chan struct{} {
	if !d.escape(d.Gen()) {
		return closedChan
	}
	// From here on this life keeps its descriptor, and its Ext. Either CloseDone, which
	// follows the change of status, finds the channel, or the change is seen
	// here: both hold mu.
	x := d.NeedExt()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.done == nil {
		x.done = make(chan struct{})
	}
	if s := d.Status(); !x.ended && (s.Cancelled() || !s.InUse()) {
		x.ended = true
		close(x.done)
	}
	return x.done
}

var closedChan = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// CloseDone closes the channel of Done, if there is one, and calls the functions of AfterDone.
func (x *Ext) CloseDone() {
	x.mu.Lock()
	after := x.after
	x.after = nil
	if x.done != nil && !x.ended {
		x.ended = true
		close(x.done)
	}
	x.mu.Unlock()
	for f := range after {
		(*f)()
	}
}

// AfterDone has f called, once, when the task is cancelled or ends, by whoever does that. It reports false, and will not
// call f, if that has happened. The argument is that of Done.
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

// SetCause records why life gen is about to be cancelled, unless a reason is known already. It
// reports false if that life has ended. The descriptor is then kept for it, so that the cause
// cannot become another life's.
func (d *Desc) SetCause(gen uint32, err error) bool {
	if !d.escape(gen) {
		return false
	}
	x := d.NeedExt()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.cause == nil {
		x.cause = err
	}
	return true
}

func (x *Ext) getCause() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.cause
}

// Release ends the watch over the parent context and the deadline.
func (x *Ext) Release() {
	if x.Limit != nil {
		x.Limit.release()
	}
	x.mu.Lock()
	stop := x.stop
	x.stop = nil
	x.mu.Unlock()
	if stop != nil {
		stop()
	}
}
