package tsync

import "github.com/heddle-go/heddle/internal/rt"

// A Case is one operation that [Select] may choose: a [RecvCase] or a [SendCase] of a channel of
// any type, or a [NativeCase]. [OnRecv], [OnSend] and [OnRecvNative] make cases that call a
// function. A Case may serve in any number of selects, one after the other.
type Case interface {
	// head returns the parts of the case and of its channel that do not depend on the type of the
	// values, so that a select can use them without a call. For a [NativeCase] at is nil. If the
	// channel is nil, u is nil.
	head() (u *caseHead, at *chanHead)
	// unpair makes the channel queued. The caller holds the channel's lock, here and below. A
	// NativeCase has no lock.
	unpair()
	// try does the operation if it can do so without waiting. The caller wakes w, unless it is nil,
	// after unlocking.
	try(s *selection) (o outcome, w waker)
	// enqueue puts the case into its channel's queue, as the case of s at index.
	enqueue(s *selection, index int)
	// dequeue takes the case of s out of the queue, if it is still there, and detaches it. It locks
	// the channel.
	dequeue(s *selection)
	// finish takes the value that a waker has handed over to s, and detaches the case. It locks the
	// channel. It reports false if the case is a send and the channel was closed.
	finish(s *selection) bool
	// then calls the case's function, if it has one. The caller holds no lock, and the case is free
	// for another select.
	then()
}

// A waker is a waiter of any type.
type waker interface{ wake(by *rt.Task) }

// An outcome is the result of Case.try.
type outcome int

const (
	notReady outcome = iota
	done
	sendOnClosed
)

// RecvCase is a case of a select that receives from a channel. When a select has chosen it, Value
// and OK hold what Recv would have returned. Make one with [Chan.RecvCase].
type RecvCase[T any] struct {
	Value T
	OK    bool

	ch  *Chan[T]
	f   func(v T, ok bool)
	use use[T]
}

// SendCase is a case of a select that sends Value. Value may be changed between two selects. Make
// one with [Chan.SendCase].
type SendCase[T any] struct {
	Value T

	ch  *Chan[T]
	f   func()
	use use[T]
}

// RecvCase makes a case that receives from ch. It allocates, so make cases once, before a loop of
// selects.
func (ch *Chan[T]) RecvCase() *RecvCase[T] { return &RecvCase[T]{ch: ch} }

// SendCase makes a case that sends v to ch. It allocates, so make cases once, before a loop of
// selects, and set Value in the loop.
func (ch *Chan[T]) SendCase(v T) *SendCase[T] { return &SendCase[T]{Value: v, ch: ch} }

// OnRecv makes a case that receives from ch. When a select has chosen it, the select calls f with
// what Recv would have returned, on the caller's stack. f may be nil. It may do anything, even
// select with the same case.
func OnRecv[T any](ch *Chan[T], f func(v T, ok bool)) *RecvCase[T] { return &RecvCase[T]{ch: ch, f: f} }

// OnSend makes a case that sends v to ch. When a select has chosen it, the select calls f on the
// caller's stack. f may be nil.
func OnSend[T any](ch *Chan[T], v T, f func()) *SendCase[T] {
	return &SendCase[T]{Value: v, ch: ch, f: f}
}

// A caseHead is the part of a case that does not depend on the type of the values.
type caseHead struct {
	_   noCopy
	sel *selection // the select that uses the case of a Chan, or nil; under the channel's lock
}

// attach makes the case part of s. It reports false if a select already uses the case. The caller
// holds the channel's lock.
func (u *caseHead) attach(s *selection) bool {
	if u.sel != nil {
		return false
	}
	u.sel = s
	return true
}

// A use is what a case of a Chan knows about the select that uses it. The channel's lock guards it.
type use[T any] struct {
	caseHead
	// w is the case's waiter, or nil. The case takes one from the channel's pool when it first
	// waits, and puts it back after that wait. At its second wait it takes one for good. So a case
	// that is made for one select takes little memory, and one that is made before a loop does not
	// take a waiter each time.
	w      *waiter[T]
	waited bool // the case has waited before
}

// begin returns the waiter with which the case at index of s waits at ch.
func (u *use[T]) begin(ch *Chan[T], s *selection, index int) *waiter[T] {
	if u.w == nil {
		if ch.pool == nil {
			ch.pool = poolOf[T]()
		}
		u.w = ch.pool.waiters.Get(s.Task())
	}
	u.w.sel, u.w.index = s, uint16(index)
	return u.w
}

// end takes the waiter out of its queue if it is still there, and detaches the case from s.
func (u *use[T]) end(ch *Chan[T], s *selection) {
	w := u.w
	w.Leave()
	w.reset()
	w.sel, u.sel = nil, nil
	if u.waited {
		return
	}
	u.waited, u.w = true, nil
	if d := s.Task(); !ch.pool.waiters.Keep(d, w) {
		ch.pool.waiters.Share(d, w)
	}
}

func (x *RecvCase[T]) head() (*caseHead, *chanHead) {
	if x == nil || x.ch == nil {
		return nil, nil
	}
	return &x.use.caseHead, &x.ch.chanHead
}

func (x *RecvCase[T]) unpair() { x.ch.unpair() }

func (x *RecvCase[T]) enqueue(s *selection, index int) { x.ch.recvq.Push(x.use.begin(x.ch, s, index)) }

func (x *RecvCase[T]) dequeue(s *selection) {
	x.ch.mu.Lock()
	x.use.end(x.ch, s)
	x.ch.mu.Unlock()
}

func (x *RecvCase[T]) try(s *selection) (outcome, waker) {
	v, ok, can, w := x.ch.tryRecv(s)
	if !can {
		return notReady, nil
	}
	x.Value, x.OK = v, ok
	return done, orNil(w)
}

func (x *RecvCase[T]) finish(s *selection) bool {
	x.ch.mu.Lock()
	x.Value, x.OK = x.use.w.v, x.use.w.ok
	x.use.end(x.ch, s)
	x.ch.mu.Unlock()
	return true
}

func (x *RecvCase[T]) then() {
	if x.f != nil {
		x.f(x.Value, x.OK)
	}
}

func (x *SendCase[T]) then() {
	if x.f != nil {
		x.f()
	}
}

func (x *SendCase[T]) head() (*caseHead, *chanHead) {
	if x == nil || x.ch == nil {
		return nil, nil
	}
	return &x.use.caseHead, &x.ch.chanHead
}

func (x *SendCase[T]) unpair() { x.ch.unpair() }

func (x *SendCase[T]) dequeue(s *selection) {
	x.ch.mu.Lock()
	x.use.end(x.ch, s)
	x.ch.mu.Unlock()
}

func (x *SendCase[T]) enqueue(s *selection, index int) {
	w := x.use.begin(x.ch, s, index)
	w.v = x.Value
	x.ch.sendq.Push(w)
}

func (x *SendCase[T]) try(s *selection) (outcome, waker) {
	if x.ch.closed {
		return sendOnClosed, nil
	}
	can, w := x.ch.trySend(x.Value, s)
	if !can {
		return notReady, nil
	}
	return done, orNil(w)
}

func (x *SendCase[T]) finish(s *selection) bool {
	x.ch.mu.Lock()
	ok := x.use.w.ok
	x.use.end(x.ch, s)
	x.ch.mu.Unlock()
	return ok
}

// orNil returns w as a waker, and a nil interface if w is nil.
func orNil[T any](w *waiter[T]) waker {
	if w == nil {
		return nil
	}
	return w
}
