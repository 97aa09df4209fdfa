package tsync

import (
	"context"
	"iter"
	"math"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/list"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
	"github.com/heddle-go/heddle/task"
)

// Chan is a channel of values of type T with the semantics of a Go channel. It connects tasks,
// goroutines, or both. Make one with [NewChan] or [NewUnbounded]. The zero Chan is an unbuffered
// channel. A nil *Chan is never ready, like a nil Go channel. A Chan must not be copied.
//
// Waiting senders and waiting receivers are served first-in-first-out. Each value that was sent is
// received exactly once. A send happens before the receive of its value. On an unbuffered channel,
// the receive happens before the send returns.
type Chan[T any] struct {
	chanHead

	// The fields below are under mu, with the exceptions that pair.go lists.
	// buf is a ring that holds n values, the oldest at head.
	buf     []T
	head, n int
	// Receivers wait only while n is 0, and senders only while n is len(buf). Both queues can have
	// waiters at the same time only if all waiters of one queue are cases of a single select, which
	// also has a case in the other.
	recvq, sendq queue[T]
	// kept holds one waiter for each direction, which stays with the channel between waits. See
	// waiter.
	kept    [2]atomicx.Relaxed[waiter[T]]
	usage   [2]usage
	pairing pairing

	pool *pool[T]
	over *overflow[T] // values beyond the ring of an unbounded channel, otherwise nil
}

// A chanHead is the part of a channel that does not depend on the type of the values.
type chanHead struct {
	id   atomicx.Uint64 // the channel's place in Select's order of locking, or 0 if it has none yet
	word atomicx.Uint32 // see pair.go
	mu   atomicx.Mutex

	// These are under mu. They are here because here they take no room.
	closed bool
	hidden bool // set for a timer's channel: Len and Cap do not show the buffer; see newTimeChan
}

// A direction says whether a waiter waits to receive or to send.
type direction int

const (
	receiving direction = iota
	sending
)

// NewChan makes a channel whose buffer has room for capacity values. With a capacity of 0 the
// channel is unbuffered. NewChan panics if capacity is negative.
func NewChan[T any](capacity int) *Chan[T] {
	if capacity < 0 {
		panic("tsync: NewChan with a negative capacity: 0 makes an unbuffered channel")
	}
	ch := &Chan[T]{}
	if capacity > 0 {
		ch.buf = make([]T, capacity)
		ch.word.Store(chQueued) // a buffered channel stays queued for good
	}
	return ch
}

// Send sends v. It waits until a receiver takes v or the buffer has room for v, parking the calling
// task or blocking the calling goroutine. If ctx ends first, Send returns the context's cause, and
// v has not been sent. Send panics if the channel is closed, also if Close comes while Send waits.
func (ch *Chan[T]) Send(ctx context.Context, v T) error {
	me := rt.Goroutine()
	of, _ := ctx.(*task.Ctx)
	d, own := (*rt.Life)(of).Task(), true
	switch { // wait.MayEnter, compiled in: a call would take a tenth more (BenchmarkChanBuffered)
	case d == nil, !d.RunsOn(me), d.Poll(), (*rt.Life)(of).Barred(d):
		var err error
		if d, err = wait.Enter(ctx, (*rt.Life)(of)); err != nil {
			return err
		}
		own = d != nil && d == (*rt.Life)(of).Task()
	}
	if ch == nil {
		return waitForCancel(ctx)
	}
	if s := ch.word.Load(); own && s&chQueued == 0 {
		switch s & chState {
		case chReceiver: // (Pair-C1, Pair-C2)
			if w := ch.kept[receiving].Load(); ch.word.CompareAndSwap(s, s-chReceiver) {
				w.v, w.ok = v, true
				w.WakeFrom(d)
				return nil
			}
		case 0: // (Pair-W1, Pair-W2)
			if w := ch.kept[sending].Load(); w != nil && w.of == d {
				w.v = v
				if ch.word.CompareAndSwap(s, s+chSender) {
					// Park is called here and not in a helper, because each frame between here and
					// the switch costs.
					on := d.Worker()
					if on.Looks != 0 {
						ch.noteWait(d, rt.WaitSend)
					}
					on.Host.Park(d, rt.WaitSend.Park(rt.ForWake))
					if !d.Woken() && w.cancelled() {
						w.reset()
						return d.CtxCause()
					}
					ok := w.ok
					w.reset()
					if !ok {
						panicClosed("Send")
					}
					return nil
				}
			}
		}
	}
	ch.mu.Lock() // ch.lock, which does not inline
	if ch.word.Load()&chQueued == 0 {
		ch.unpair()
	}
	if ch.n < len(ch.buf) && !ch.closed && ch.recvq.First == nil {
		ch.put(v)
		ch.mu.Unlock()
		return nil
	}
	if ch.sendNow(d, v, own) {
		return nil
	}
	w := ch.waiter(ctx, d, sending, own)
	w.v = v
	ch.sendq.Push(w)
	ch.mu.Unlock()
	var (
		ok  bool
		err error
	)
	if own {
		on := d.Worker()
		if on.Looks != 0 {
			ch.noteWait(d, rt.WaitSend)
		}
		on.Host.Park(d, rt.WaitSend.Park(rt.ForWake))
		if !d.Woken() && w.cancelled() {
			err = d.CtxCause()
		}
		ok = w.ok
		if w.of != nil {
			w.reset()
		} else {
			ch.pool.put(w)
		}
	} else {
		_, ok, err = ch.pool.wait(w)
	}
	if err != nil {
		return err
	}
	if !ok {
		panicClosed("Send")
	}
	return nil
}

// Recv receives a value. It waits until there is one, parking the calling task or blocking the
// calling goroutine, and then ok is true. If the channel is closed and all values have been
// received, Recv returns the zero value with ok false. If ctx ends first, Recv returns the
// context's cause, and nothing has been received.
func (ch *Chan[T]) Recv(ctx context.Context) (v T, ok bool, err error) {
	me := rt.Goroutine()
	of, _ := ctx.(*task.Ctx)
	d, own := (*rt.Life)(of).Task(), true
	switch { // wait.MayEnter, compiled in: a call would take a tenth more (BenchmarkChanBuffered)
	case d == nil, !d.RunsOn(me), d.Poll(), (*rt.Life)(of).Barred(d):
		if d, err = wait.Enter(ctx, (*rt.Life)(of)); err != nil {
			return v, false, err
		}
		own = d != nil && d == (*rt.Life)(of).Task()
	}
	if ch == nil {
		return v, false, waitForCancel(ctx)
	}
	if s := ch.word.Load(); own && s&chQueued == 0 {
		switch s & chState {
		case chSender: // (Pair-C1, Pair-C2)
			if w := ch.kept[sending].Load(); ch.word.CompareAndSwap(s, s-chSender) {
				v = w.v
				w.ok = true
				w.WakeFrom(d)
				return v, true, nil
			}
		case 0: // (Pair-W1, Pair-W2)
			if w := ch.kept[receiving].Load(); w != nil && w.of == d && ch.word.CompareAndSwap(s, s+chReceiver) {
				// Park is called here and not in a helper, because each frame between here and the
				// switch costs.
				on := d.Worker()
				if on.Looks != 0 {
					ch.noteWait(d, rt.WaitRecv)
				}
				on.Host.Park(d, rt.WaitRecv.Park(rt.ForWake))
				if !d.Woken() && w.cancelled() {
					return v, false, d.CtxCause()
				}
				v, ok = w.v, w.ok
				w.reset()
				return v, ok, nil
			}
		}
	}
	ch.mu.Lock() // ch.lock, which does not inline
	if ch.word.Load()&chQueued == 0 {
		ch.unpair()
	}
	if ch.n > 0 && ch.sendq.First == nil && ch.over == nil {
		v = ch.get()
		ch.mu.Unlock()
		return v, true, nil
	}
	if v, ok, done := ch.recvNow(d, own); done {
		return v, ok, nil
	}
	w := ch.waiter(ctx, d, receiving, own)
	ch.recvq.Push(w)
	ch.mu.Unlock()
	if !own {
		return ch.pool.wait(w)
	}
	on := d.Worker()
	if on.Looks != 0 {
		ch.noteWait(d, rt.WaitRecv)
	}
	on.Host.Park(d, rt.WaitRecv.Park(rt.ForWake))
	if !d.Woken() && w.cancelled() {
		err = d.CtxCause()
	}
	v, ok = w.v, w.ok
	if w.of != nil {
		w.reset()
	} else {
		ch.pool.put(w)
	}
	return v, ok, err
}

// TrySend sends v if it can do so without waiting, and reports whether it did. It panics if the
// channel is closed.
func (ch *Chan[T]) TrySend(v T) bool {
	point()
	if ch == nil {
		return false
	}
	ch.lock()
	if ch.closed {
		ch.mu.Unlock()
		panicClosed("TrySend")
	}
	done, w := ch.trySend(v, nil)
	ch.mu.Unlock()
	if w != nil {
		w.wake(nil)
	}
	return done
}

// TryRecv receives a value if it can do so without waiting, and ok reports whether it did, as with
// TrySend. Otherwise v is the zero value. Like reflect.Value.TryRecv, it does not distinguish a
// channel that is closed and drained from one that is empty, because few callers need to know.
// [TrySelect] with a [RecvCase] distinguishes them: it chooses the case of a closed channel.
func (ch *Chan[T]) TryRecv() (v T, ok bool) {
	point()
	if ch == nil {
		return v, false
	}
	ch.lock()
	v, ok, _, w := ch.tryRecv(nil)
	ch.mu.Unlock()
	if w != nil {
		w.wake(nil)
	}
	return v, ok
}

// Close closes the channel. From now on every send panics, and receives return the values in the
// buffer first and then the zero value with ok false. Close ends all present waits too: each
// waiting Recv returns with ok false, and each waiting Send panics. Close panics if the channel is
// nil or already closed.
func (ch *Chan[T]) Close() {
	point()
	if ch == nil {
		panic("tsync: Close of a nil Chan")
	}
	ch.lock()
	if ch.closed {
		ch.mu.Unlock()
		panic("tsync: Close of a Chan that is closed already: let one sender, or whoever waits for all of them, close it")
	}
	ch.closed = true
	var ws list.Chain[waiter[T]]
	for _, q := range [2]*queue[T]{&ch.recvq, &ch.sendq} {
		for w := q.claim(nil); w != nil; w = q.claim(nil) {
			ws.Add(w)
		}
	}
	ch.mu.Unlock()
	wakeAll(ws, nil)
}

// Len returns the number of values in the buffer.
func (ch *Chan[T]) Len() int {
	point()
	if ch == nil || ch.hidden {
		return 0
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.over != nil {
		return ch.n + ch.over.n
	}
	return ch.n
}

// Cap returns the size of the buffer. For an unbounded channel it returns math.MaxInt.
func (ch *Chan[T]) Cap() int {
	if ch == nil || ch.hidden {
		return 0
	}
	if ch.over != nil {
		return math.MaxInt
	}
	return len(ch.buf)
}

// All returns an iterator that receives values, as range over a Go channel does. It ends when the
// channel is closed and all values have been received, or when ctx ends. Call ctx.Err after the
// loop to tell which.
func (ch *Chan[T]) All(ctx context.Context) iter.Seq[T] {
	return func(yield func(T) bool) {
		for {
			v, ok, err := ch.Recv(ctx)
			if err != nil || !ok || !yield(v) {
				return
			}
		}
	}
}

// sendNow sends v if it can do so without waiting, and reports whether it did. The caller holds mu.
// If sendNow sends v, it unlocks mu. d is the calling task, or nil for a goroutine. own says that d
// calls under its own Ctx. sendNow and recvNow are not compiled into Send and Recv, because the
// frames of Send and Recv stay on the stack while the task is parked. Send and Recv themselves only
// use a buffer for which no other party waits, because a call would add a tenth to the instructions
// of that (BenchmarkChanBuffered).
//
//go:noinline
func (ch *Chan[T]) sendNow(d *rt.Task, v T, own bool) bool {
	if ch.closed {
		ch.mu.Unlock()
		panicClosed("Send")
	}
	w := ch.recvq.First
	if w != nil && w.sel == nil {
		ch.recvq.Pop() // as claim does, without the call
	} else if w != nil {
		w = ch.recvq.claim(nil)
	}
	if w != nil {
		w.v, w.ok = v, true
		ch.countMeeting(w, own)
		ch.mu.Unlock()
		w.wake(d)
		return true
	}
	if ch.n < len(ch.buf) {
		ch.put(v)
		ch.mu.Unlock()
		return true
	}
	if ch.over != nil {
		ch.over.push(v)
		ch.mu.Unlock()
		return true
	}
	return false
}

// recvNow receives a value if it can do so without waiting, or finds the channel closed: then done
// is true, and recvNow has unlocked mu. The caller holds mu. d and own are as for sendNow.
//
//go:noinline
func (ch *Chan[T]) recvNow(d *rt.Task, own bool) (v T, ok, done bool) {
	if ch.n > 0 {
		v = ch.get()
		w := ch.refill()
		ch.mu.Unlock()
		if w != nil {
			w.wake(d)
		}
		return v, true, true
	}
	if w := ch.sender(nil); w != nil {
		v = w.v
		w.ok = true
		ch.countMeeting(w, own)
		ch.mu.Unlock()
		w.wake(d)
		return v, true, true
	}
	if ch.closed {
		ch.mu.Unlock()
		return v, false, true
	}
	return v, false, false
}

func panicClosed(op string) {
	panic("tsync: " + op + " on a closed Chan: close it only after the last send")
}

// waitForCancel waits for the end of ctx and returns its cause.
func waitForCancel(ctx context.Context) error {
	var w wait.Waiter // no other party knows w, so nothing wakes it
	w.Init(ctx)
	w.Reason = rt.WaitNever
	return w.Wait()
}
