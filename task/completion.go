package task

import (
	"context"
	"sync"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
)

// A Completion is a result that is not there yet: tasks and goroutines wait for it, and somebody completes it,
// once. It joins heddle to whatever reports by a callback:
//
//	var done task.Completion[int]
//	device.Read(buf, func(n int, err error) { done.Complete(n, err) })
//	n, err := done.Wait()
//
// The zero Completion is ready for use. It must not be copied.
type Completion[T any] struct {
	set   atomicx.Bool // written under mu, with v and err before it: who sees true may read those
	v     T
	err   error
	mu    atomicx.Mutex
	queue waitQueue     // under mu
	done  chan struct{} // under mu; nil unless Done was called
}

// Complete sets the result and wakes all that wait for it. It reports false, and changes nothing, if there is a
// result already. It never waits, and any goroutine or task may call it.
func (p *Completion[T]) Complete(v T, err error) bool { return p.complete(nil, v, err) }

// complete is Complete by a running task, or by anybody else if that is nil.
func (p *Completion[T]) complete(by *Ctx, v T, err error) bool {
	p.mu.Lock()
	if p.set.Load() {
		p.mu.Unlock()
		return false
	}
	p.v, p.err = v, err
	p.set.Store(true)
	if p.done != nil {
		close(p.done)
	}
	list := p.queue.takeAll()
	p.mu.Unlock()
	wakeAll(list, by)
	return true
}

// Ready reports whether there is a result, so that Wait would return it at once.
func (p *Completion[T]) Ready() bool { return p.set.Load() }

// Done returns a channel that is closed when there is a result, for use in a native select. The channel is made by
// the first call. A task that receives from it blocks its thread; tasks use Wait.
func (p *Completion[T]) Done() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done == nil {
		p.done = make(chan struct{})
		if p.set.Load() {
			close(p.done)
		}
	}
	return p.done
}

// Wait waits for the result, parking the task or blocking the goroutine, and returns it. Nothing else ends the wait. Any
// number may wait, any number of times.
func (p *Completion[T]) Wait() (T, error) { return p.wait(background, Task{}) }

// WaitContext is [Completion.Wait] that gives up when ctx ends, and then returns its cause. A result that is there already is
// returned even if ctx has ended.
func (p *Completion[T]) WaitContext(ctx context.Context) (T, error) { return p.wait(ctx, Task{}) }

// wait is WaitContext for what the end of t completes, if t is a task.
func (p *Completion[T]) wait(ctx context.Context, t Task) (T, error) {
	c, err := enter(ctx)
	if p.set.Load() {
		return p.v, p.err
	}
	var zero T
	if err != nil {
		return zero, err
	}
	if t.record() != nil && t.awaitsItself(c) {
		return zero, errOwnWait
	}
	p.mu.Lock()
	if p.set.Load() {
		p.mu.Unlock()
		return p.v, p.err
	}
	w := p.queue.push(&p.mu, ctx, c)
	w.Reason, w.End = rt.WaitResult, rt.Handle(t)
	p.mu.Unlock()
	if err := w.wait(); err != nil {
		return zero, err
	}
	return p.v, p.err
}

// watch has then called by who completes p. The caller withdraws what it returns when it has lost interest. It returns nil, and
// then is not called, if there is a result already.
func (p *Completion[T]) watch(then func(by *Ctx)) *queued {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.set.Load() {
		return nil
	}
	w := &queued{mu: &p.mu, then: then}
	p.queue.append(w)
	return w
}

// A waitQueue is a first-in-first-out list of waiters, under the lock of its owner. To take a waiter out is to
// claim it: the waker then calls Wake, without the lock; the waiter itself gives up.
type waitQueue struct {
	first, last *queued
}

// A queued is one wait in a waitQueue.
type queued struct {
	wait.Waiter
	mu         *atomicx.Mutex // of the queue's owner
	in         *waitQueue     // nil when taken out; under mu, as the links are
	next, prev *queued

	member *member // whose place this is the wait for, in the back of a group; under mu. See place.go

	// then, if it is not nil, is called by who takes the whole list out, instead of waking anybody. by is the running task that does so, or
	// nil. It must not wait.
	then func(by *Ctx)
}

var _ wait.Withdrawer = (*queued)(nil)

// push queues a wait of c under ctx. The caller holds mu.
func (q *waitQueue) push(mu *atomicx.Mutex, ctx context.Context, c *Ctx) *queued {
	var w *queued
	if c != nil {
		w = queuedPool.Get().(*queued)
	} else {
		w = new(queued)
	}
	w.mu = mu
	w.Prepare(ctx, c.record())
	q.append(w)
	return w
}

// append puts w at the end. The caller holds mu.
func (q *waitQueue) append(w *queued) {
	w.in, w.prev = q, q.last
	if q.last == nil {
		q.first = w
	} else {
		q.last.next = w
	}
	q.last = w
}

// queuedPool pools what tasks have waited in. What goroutines have waited in has a channel, which must not get from one
// synctest bubble into another.
var queuedPool = sync.Pool{New: func() any { return new(queued) }}

// wait waits until w is taken out, and returns nil, or until its context ends. Nobody may use w afterwards.
func (w *queued) wait() error {
	err := w.WaitIn(w)
	if w.Task() != nil && w.Reusable() {
		*w = queued{}
		queuedPool.Put(w)
	}
	return err
}

// pop takes out the first waiter, or returns nil. The caller holds mu.
func (q *waitQueue) pop() *queued {
	w := q.first
	if w != nil {
		w.leave()
	}
	return w
}

// leave takes w out of its queue, in which it must be. The caller holds mu.
func (w *queued) leave() {
	q := w.in
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
	w.in, w.next, w.prev = nil, nil, nil
	if w.member != nil {
		w.member.asks = nil
	}
}

// takeAll empties the queue and returns what was in it as a list. The caller holds mu.
func (q *waitQueue) takeAll() (list *queued) {
	list = q.first
	for w := list; w != nil; w = w.next {
		w.in = nil
	}
	q.first, q.last = nil, nil
	return list
}

// wakeAll wakes the waiters of a list that takeAll returned.
func wakeAll(list *queued, by *Ctx) {
	for list != nil {
		w := list
		list = w.next
		if w.then != nil {
			w.then(by)
		} else {
			w.Wake(by.record())
		}
	}
}

// Withdraw implements wait.Withdrawer.
func (w *queued) Withdraw() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.in == nil {
		return false
	}
	w.leave()
	return true
}
