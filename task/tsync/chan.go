package tsync

import (
	"context"
	"iter"
	"math"
	"reflect"
	"sync"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
	"github.com/heddle-go/heddle/task"
)

// Chan is a channel of values of type T, with the semantics of Go's own, between tasks, between
// goroutines and between both. Make one with [NewChan] or [NewUnbounded]; the zero Chan is an unbuffered channel, and
// a nil *Chan is never ready, as a nil channel is not. A Chan must not be copied.
//
// Senders and receivers that wait are served first-in-first-out. A value that was sent is
// received exactly once, and sending it happens before the receipt; receiving from an unbuffered
// channel happens before the send has returned.
type Chan[T any] struct {
	word atomicx.Uint32 // see pair.go
	mu   atomicx.Mutex

	// The rest is under mu, but for what pair.go says.
	closed bool
	// The buffer is a ring: n values from head on.
	buf     []T
	head, n int
	// Receivers wait only while n is 0, senders only while n is len(buf). Both queues have waiters only if all of
	// those in one belong to a single select that stands in the other as well.
	recvq, sendq queue[T]
	// kept are the waiters that stay with the channel, one a direction. See ownWaiter.
	kept    [2]atomicx.Relaxed[waiter[T]]
	usage   [2]usage
	pairing pairing

	pool *pool[T]
	id   atomicx.Uint64 // orders locking in Select; 0: none yet
	over *overflow[T]   // of an unbounded channel; otherwise nil

	hidden bool // the buffer is a timer's and not to be seen; see newTimeChan
}

// A direction says what a waiter waits for.
type direction int

const (
	receiving direction = iota
	sending
)

// usage says when the waiter that is kept for one task goes to another.
type usage struct {
	// misses counts waits of others since the last one of this task; more than limit of them
	// replace it.
	misses, limit uint
}

// keepAfter is how many waits there must have been before a waiter is kept at all: a channel that is used a few times
// is not worth the memory.
const keepAfter = 16

// firstLimit is the limit of the first task that is replaced, which doubles each time: a few hundred tasks
// that take turns, as in BenchmarkChanFanIn, leave it alone.
const firstLimit = 256

// NewChan makes a channel with a buffer for capacity values. It panics if capacity is negative.
func NewChan[T any](capacity int) *Chan[T] {
	if capacity < 0 {
		panic("tsync: NewChan with a negative capacity: 0 makes an unbuffered channel")
	}
	ch := &Chan[T]{}
	if capacity > 0 {
		ch.buf = make([]T, capacity)
		ch.word.Store(chQueued) // for good
	}
	return ch
}

// pools has a *pool[T] for each T.
var pools sync.Map

func poolOf[T any]() *pool[T] {
	t := reflect.TypeFor[T]()
	p, ok := pools.Load(t)
	if !ok {
		p, _ = pools.LoadOrStore(t, new(pool[T]))
	}
	return p.(*pool[T])
}

// Send sends v. It waits, parking the task or blocking the goroutine, until a receiver takes v or
// the buffer has room for it. When ctx ends first it returns the cause, and v has not been
// sent. It panics if the channel is closed, also if that happens while it waits.
func (ch *Chan[T]) Send(ctx context.Context, v T) error {
	of, own := ctx.(*task.Ctx)
	d := (*rt.Task)(of)
	if !own || !wait.MayEnter(d) {
		var err error
		if d, err = wait.Enter(ctx, d); err != nil {
			return err
		}
		own = d != nil && d == (*rt.Task)(of)
	}
	if ch == nil {
		return waitForCancel(ctx)
	}
	if own {
		switch s := ch.word.Load(); s & chState {
		case chReceiver: // (C1, C2)
			if w := ch.kept[receiving].Load(); ch.word.CompareAndSwap(s, s-chReceiver) {
				w.v, w.ok = v, true
				w.Wake(d)
				return nil
			}
		case 0: // (W1, W2)
			if w := ch.kept[sending].Load(); w != nil && w.of == d {
				w.v = v
				if ch.word.CompareAndSwap(s, s+chSender) {
					d.Worker().Host.Park(d, rt.WaitSend.Park(rt.ForWake)) // here and not in a function: see Park in package scheduler
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
	ch.lock()
	if ch.closed {
		ch.mu.Unlock()
		panicClosed("Send")
	}
	if w := ch.receiver(nil); w != nil {
		w.v, w.ok = v, true
		ch.countMeeting(w, own)
		ch.mu.Unlock()
		w.wake(d)
		return nil
	}
	if ch.n < len(ch.buf) {
		ch.put(v)
		ch.mu.Unlock()
		return nil
	}
	if ch.over != nil {
		ch.over.push(v)
		ch.mu.Unlock()
		return nil
	}
	var w *waiter[T]
	if own {
		w = ch.ownWaiter(d, sending)
	}
	if w == nil {
		w = ch.waiter(ctx, d, sending, own)
	}
	w.v, w.Reason = v, rt.WaitSend
	ch.sendq.push(w)
	ch.mu.Unlock()
	var (
		ok  bool
		err error
	)
	if own {
		d.Worker().Host.Park(d, rt.WaitSend.Park(rt.ForWake))
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

// Recv receives a value. It waits, parking the task or blocking the goroutine, until there is one;
// ok is true then. When the channel is closed and all that was sent has been received, it returns the
// zero value and ok is false. When ctx ends first it returns the cause, and nothing has been received.
func (ch *Chan[T]) Recv(ctx context.Context) (v T, ok bool, err error) {
	of, own := ctx.(*task.Ctx)
	d := (*rt.Task)(of)
	if !own || !wait.MayEnter(d) {
		if d, err = wait.Enter(ctx, d); err != nil {
			return v, false, err
		}
		own = d != nil && d == (*rt.Task)(of)
	}
	if ch == nil {
		return v, false, waitForCancel(ctx)
	}
	if own {
		switch s := ch.word.Load(); s & chState {
		case chSender: // (C1, C2)
			if w := ch.kept[sending].Load(); ch.word.CompareAndSwap(s, s-chSender) {
				v = w.v
				w.ok = true
				w.Wake(d)
				return v, true, nil
			}
		case 0: // (W1, W2)
			if w := ch.kept[receiving].Load(); w != nil && w.of == d && ch.word.CompareAndSwap(s, s+chReceiver) {
				d.Worker().Host.Park(d, rt.WaitRecv.Park(rt.ForWake)) // here and not in a function: see Park in package scheduler
				if !d.Woken() && w.cancelled() {
					return v, false, d.CtxCause()
				}
				v, ok = w.v, w.ok
				w.reset()
				return v, ok, nil
			}
		}
	}
	ch.lock()
	if ch.n > 0 {
		v = ch.get()
		w := ch.refill()
		ch.mu.Unlock()
		if w != nil {
			w.wake(d)
		}
		return v, true, nil
	}
	if w := ch.sender(nil); w != nil {
		v = w.v
		w.ok = true
		ch.countMeeting(w, own)
		ch.mu.Unlock()
		w.wake(d)
		return v, true, nil
	}
	if ch.closed {
		ch.mu.Unlock()
		return v, false, nil
	}
	var w *waiter[T]
	if own {
		w = ch.ownWaiter(d, receiving)
	}
	if w == nil {
		w = ch.waiter(ctx, d, receiving, own)
	}
	w.Reason = rt.WaitRecv
	ch.recvq.push(w)
	ch.mu.Unlock()
	if !own {
		return ch.pool.wait(w)
	}
	d.Worker().Host.Park(d, rt.WaitRecv.Park(rt.ForWake))
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

// TrySend sends v if that is possible without waiting, and reports whether it did. It panics if the
// channel is closed.
func (ch *Chan[T]) TrySend(v T) bool {
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

// TryRecv receives a value if that is possible without waiting, and reports in done whether it did. On
// a channel that is closed and drained, it is: v is the zero value and ok is false.
func (ch *Chan[T]) TryRecv() (v T, ok, done bool) {
	if ch == nil {
		return v, false, false
	}
	ch.lock()
	v, ok, done, w := ch.tryRecv(nil)
	ch.mu.Unlock()
	if w != nil {
		w.wake(nil)
	}
	return v, ok, done
}

// Close closes the channel: sends panic from now on, receives return what is in the buffer and then the
// zero value with ok false. Whoever waits in Recv returns so now; whoever waits in Send panics. Close
// panics if the channel is nil or closed already.
func (ch *Chan[T]) Close() {
	if ch == nil {
		panic("tsync: Close of a nil Chan")
	}
	ch.lock()
	if ch.closed {
		ch.mu.Unlock()
		panic("tsync: Close of a Chan that is closed already: let one sender, or whoever waits for all of them, close it")
	}
	ch.closed = true
	var first *waiter[T]
	last := &first
	for _, q := range [2]*queue[T]{&ch.recvq, &ch.sendq} {
		for w := q.claim(nil); w != nil; w = q.claim(nil) {
			*last, last = w, &w.next
		}
	}
	ch.mu.Unlock()
	wakeList(first, nil)
}

// Len returns the number of values in the buffer.
func (ch *Chan[T]) Len() int {
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

// Cap returns the size of the buffer. That of an unbounded channel is math.MaxInt.
func (ch *Chan[T]) Cap() int {
	if ch == nil || ch.hidden {
		return 0
	}
	if ch.over != nil {
		return math.MaxInt
	}
	return len(ch.buf)
}

// All returns an iterator over the values that it receives, as range over a Go channel does. It ends when the channel
// is closed and drained, and when ctx ends; look at ctx.Err to tell.
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

// What follows is called under mu. The waiters that are returned are to be woken after it was released.

// trySend sends v if it can; self is the select that tries, or nil. The channel is open.
func (ch *Chan[T]) trySend(v T, self *selection) (done bool, w *waiter[T]) {
	ch.pairing.n = 0
	if w := ch.receiver(self); w != nil {
		w.v, w.ok = v, true
		return true, w
	}
	if ch.n < len(ch.buf) {
		ch.put(v)
		return true, nil
	}
	if ch.over != nil {
		ch.over.push(v)
		return true, nil
	}
	return false, nil
}

// tryRecv receives if it can.
func (ch *Chan[T]) tryRecv(self *selection) (v T, ok, done bool, w *waiter[T]) {
	ch.pairing.n = 0
	if ch.n > 0 {
		v = ch.get()
		return v, true, true, ch.refill()
	}
	if w := ch.sender(self); w != nil {
		w.ok = true
		return w.v, true, true, w
	}
	return v, false, ch.closed, nil
}

func (ch *Chan[T]) put(v T) {
	i := ch.head + ch.n
	if i >= len(ch.buf) {
		i -= len(ch.buf)
	}
	ch.buf[i] = v
	ch.n++
}

func (ch *Chan[T]) get() T {
	var zero T
	at := &ch.buf[ch.head]
	v := *at
	*at = zero
	if ch.head++; ch.head == len(ch.buf) {
		ch.head = 0
	}
	ch.n--
	return v
}

// refill moves the value of the first sender into the room that get has made, and returns that sender. An unbounded channel has
// no senders that wait, but may have an overflow.
func (ch *Chan[T]) refill() *waiter[T] {
	w := ch.sender(nil)
	if w != nil {
		ch.put(w.v)
		w.ok = true
	} else if ch.over != nil && ch.over.n > 0 {
		ch.put(ch.over.pop())
	}
	return w
}

// receiver takes the first receiver out of its queue, or returns nil.
func (ch *Chan[T]) receiver(self *selection) *waiter[T] {
	if ch.recvq.first == nil {
		return nil
	}
	return ch.recvq.claim(self)
}

// sender takes the first sender out of its queue, or returns nil.
func (ch *Chan[T]) sender(self *selection) *waiter[T] {
	if ch.sendq.first == nil {
		return nil
	}
	return ch.sendq.claim(self)
}

// claim pops the first waiter that still waits. Those of selects have to be won, since they
// stand in other queues as well; the cases of self are left alone.
func (q *queue[T]) claim(self *selection) *waiter[T] {
	for w := q.first; w != nil; {
		if w.sel == nil {
			if w == q.first {
				return q.pop()
			}
			w.leave()
			return w
		}
		next := w.next
		if w.sel != self {
			w.leave()
			if w.sel.win(w.index) {
				return w
			}
		}
		w = next
	}
	return nil
}

// ownWaiter returns the waiter that is kept for the task d in the direction dir, or nil.
//
// Each direction keeps one waiter for the task that used it first: when that task comes again, it is
// here and so does not wait, and the waiter is free, which nobody else could know without asking. That
// spares the usual case, one task at each end, the pool. A waiter whose task comes no more gives way
// when enough others have come. Only for waits under the task's own
// Ctx: the end of a derived one may come late, and must then not find another wait.
func (ch *Chan[T]) ownWaiter(d *rt.Task, dir direction) *waiter[T] {
	w := ch.kept[dir].Load()
	if w == nil || w.of != d {
		return nil
	}
	ch.usage[dir].misses = 0
	return w // prepared already, for a wait of the same kind
}

// waiter returns a waiter where ownWaiter has none. own says that ctx is d's Ctx.
func (ch *Chan[T]) waiter(ctx context.Context, d *rt.Task, dir direction, own bool) *waiter[T] {
	if ch.pool == nil {
		ch.pool = poolOf[T]()
	}
	ch.pairing.n = 0
	u := &ch.usage[dir]
	u.misses++
	if own && u.misses > max(u.limit, keepAfter) {
		u.misses, u.limit = 0, max(2*u.limit, firstLimit)
		w := &waiter[T]{at: ch, of: d, index: int(dir)}
		w.Prepare(ctx, d)
		w.Reason = [...]rt.WaitReason{receiving: rt.WaitRecv, sending: rt.WaitSend}[dir]
		ch.kept[dir].Store(w)
		return w
	}
	return ch.pool.take(ctx, d, ch)
}

// withdraw implements owner.
//
//lint:ignore U1000 it is called through owner[T], which the check does not follow
func (ch *Chan[T]) withdraw(w *waiter[T]) bool {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return w.leave() || w.of != nil && ch.unpublish(w)
}

func panicClosed(op string) {
	panic("tsync: " + op + " on a closed Chan: close it only after the last send")
}

// waitForCancel waits for the end of ctx.
func waitForCancel(ctx context.Context) error {
	var w wait.Waiter // no other party knows it, so nothing wakes it
	w.Init(ctx)
	w.Reason = rt.WaitNever
	return w.Wait()
}
