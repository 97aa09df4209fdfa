package tsync

import (
	"context"
	"sync"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
	"github.com/heddle-go/heddle/task"
)

// A waiter is one wait in the queue of something. Whoever takes it out of the queue, under the
// lock of its owner, has it: if that is a waker, it fills in v and ok, lets go of the
// lock and calls wake; if it is the waiter itself, it gives up. So the lock that both sides
// need anyway is the claim.
type waiter[T any] struct {
	wait.Waiter
	at owner[T] // where it waits

	// Under the lock of at.
	next, prev *waiter[T]
	in         *queue[T] // the queue that it stands in, or nil

	// Set before the waiter is queued, or by the waker before it wakes.
	v  T
	ok bool

	// Of channels only.
	sel   *selection // the select that it is a case of, or nil
	index int        // of the case, or the direction of a waiter that its channel keeps
	of    *rt.Task   // the task for which its channel keeps it, or nil: see Chan.ownWaiter
}

// An owner is what has a queue of waiters.
type owner[T any] interface {
	// withdraw takes w out of the queue. It reports false if w is not in it.
	withdraw(w *waiter[T]) bool
}

// Withdraw implements wait.Withdrawer.
func (w *waiter[T]) Withdraw() bool { return w.at.withdraw(w) }

// wake wakes the waiter, which the caller has taken out of its queue. The caller holds no
// lock. by is the running task, or nil.
func (w *waiter[T]) wake(by *rt.Task) {
	if w.sel != nil {
		w.sel.Wake(by)
		return
	}
	w.Wake(by)
}

// A queue is a first-in-first-out list of waiters.
type queue[T any] struct {
	first, last *waiter[T]
}

func (q *queue[T]) push(w *waiter[T]) {
	w.in = q
	w.next, w.prev = nil, q.last
	if q.last == nil {
		q.first = w
	} else {
		q.last.next = w
	}
	q.last = w
}

// pushFront puts w before all others.
func (q *queue[T]) pushFront(w *waiter[T]) {
	w.in = q
	w.next, w.prev = q.first, nil
	if q.first == nil {
		q.last = w
	} else {
		q.first.prev = w
	}
	q.first = w
}

// pop takes the first waiter out. The queue must not be empty.
func (q *queue[T]) pop() *waiter[T] {
	w := q.first
	q.first = w.next
	if q.first == nil {
		q.last = nil
	} else {
		q.first.prev = nil
	}
	w.next, w.in = nil, nil
	return w
}

// leave takes w out of its queue and reports true, or reports false if it is in none.
func (w *waiter[T]) leave() bool {
	q := w.in
	if q == nil {
		return false
	}
	if w.prev == nil {
		q.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		q.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.next, w.prev, w.in = nil, nil, nil
	return true
}

// takeAll empties the queue and returns what was in it as a list.
func (q *queue[T]) takeAll() (list *waiter[T]) {
	list = q.first
	for w := list; w != nil; w = w.next {
		w.in = nil
	}
	q.first, q.last = nil, nil
	return list
}

// wakeList wakes all waiters of a list that takeAll returned.
func wakeList[T any](list *waiter[T], by *rt.Task) {
	for list != nil {
		// Once woken it may be used for another wait.
		w, next := list, list.next
		w.next = nil
		w.wake(by)
		list = next
	}
}

// A pool has waiters that are free.
type pool[T any] struct {
	// Those of tasks are kept by the worker, as its index says; its running task alone touches them. With sync.Pool a
	// wait took 20 ns longer.
	workers [maxPools]struct {
		free *waiter[T]
		n    int
		_    [64 - 2*8]byte
	}
	p sync.Pool // of goroutines, and what the workers have too many of
}

const (
	maxPools  = 32  // how many workers keep waiters
	maxPooled = 128 // how many they keep: of more tasks that wait in turn (BenchmarkChanFanIn) the switch is dearer
)

// take returns a waiter for a wait of d under ctx at o.
func (p *pool[T]) take(ctx context.Context, d *rt.Task, o owner[T]) *waiter[T] {
	w := p.get(d)
	w.Prepare(ctx, d)
	w.at = o
	return w
}

// enter is wait.Enter.
func enter(ctx context.Context) (*rt.Task, error) {
	of, _ := ctx.(*task.Ctx)
	return wait.Enter(ctx, (*rt.Task)(of))
}

// callerUncancelled returns what take needs for a wait of the caller that only await(w, true) ends: the task that calls, or
// nil, and a context that never ends.
func callerUncancelled() (context.Context, *rt.Task) {
	return context.Background(), rt.Current()
}

// noCopy has go vet report copies of what embeds it.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

func (p *pool[T]) get(d *rt.Task) *waiter[T] {
	if d != nil {
		if i := d.Worker().Index; uint(i) < maxPools {
			s := &p.workers[i]
			if w := s.free; w != nil {
				s.free, w.next = w.next, nil
				s.n--
				return w
			}
		}
	}
	if w, ok := p.p.Get().(*waiter[T]); ok {
		return w
	}
	return new(waiter[T])
}

// put takes back a waiter of take, for a task or a goroutine that runs. It must not be used any more.
func (p *pool[T]) put(w *waiter[T]) {
	if !w.Reusable() {
		return
	}
	w.reset()
	w.at = nil
	if d := w.Task(); d != nil {
		if i := d.Worker().Index; uint(i) < maxPools {
			if s := &p.workers[i]; s.n < maxPooled {
				s.free, w.next = w, s.free
				s.n++
				return
			}
		}
	}
	p.p.Put(w)
}

// wait waits until w is woken or its context ends, and returns what the waker has given it. w
// must not be used any more.
func (p *pool[T]) wait(w *waiter[T]) (v T, ok bool, err error) { return p.await(w, false) }

// await is wait, which the end of the context does not end if hard.
func (p *pool[T]) await(w *waiter[T], hard bool) (v T, ok bool, err error) {
	switch {
	case hard:
		w.WaitWoken()
	case w.Own():
		// As WaitIn does it, once more: each frame between here and the switch costs.
		d := w.Task()
		d.Worker().Host.Park(d, w.Reason.Park(rt.ForWake))
		if !d.Woken() && w.cancelled() {
			err = d.CtxCause()
		}
	default:
		err = w.WaitIn(w)
	}
	v, ok = w.v, w.ok
	p.put(w)
	return v, ok, err
}

// cancelled is called by a task that waits under its own Ctx, when something else than a Wake has ended the park. It takes the
// waiter back and reports true, or waits for whoever has claimed it.
func (w *waiter[T]) cancelled() bool {
	if w.Withdraw() {
		return true
	}
	w.Task().AwaitWakeFor(w.Reason)
	return false
}

func (w *waiter[T]) reset() {
	var zero T
	w.v, w.ok = zero, false
}
