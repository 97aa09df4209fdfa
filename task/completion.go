package task

import (
	"context"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/list"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
)

// A Completion is a result that will be set later, once. Tasks and goroutines wait for it, and any
// of them may complete it. Use it to connect heddle to code that reports by a callback:
//
//	var done task.Completion[int]
//	device.Read(buf, func(n int, err error) { done.Complete(n, err) })
//	n, err := done.Wait()
//
// The zero Completion is ready for use. It must not be copied.
type Completion[T any] struct {
	set   atomicx.Bool // written under mu after v and err; a reader that sees true may read both
	v     T
	err   error
	mu    atomicx.Mutex
	queue waitQueue     // under mu
	done  chan struct{} // under mu; nil unless Done was called
}

// Complete sets the result, wakes all tasks and goroutines that wait for it, and returns true. If
// there already is a result, it returns false and changes nothing. It never waits. Any goroutine or
// task may call it.
func (p *Completion[T]) Complete(v T, err error) bool { return p.complete(nil, v, err) }

// complete is Complete. by is the running task that calls, or nil if the caller is no task.
func (p *Completion[T]) complete(by *Ctx, v T, err error) bool {
	point()
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
	ws := p.queue.TakeAll()
	p.mu.Unlock()
	wakeAll(ws, by)
	return true
}

// Ready reports whether there is a result, so that Wait would return at once.
func (p *Completion[T]) Ready() bool { return p.set.Load() }

// Done returns a channel that is closed when there is a result, for use in a native select. The
// first call makes the channel. A task that receives from it blocks its thread, so tasks should use
// Wait.
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

// Wait waits for the result, parking the task or blocking the goroutine, and returns it. Nothing
// else ends the wait. Any number of tasks and goroutines may call Wait, any number of times.
func (p *Completion[T]) Wait() (T, error) { return p.wait(background, Task{}) }

// WaitContext is [Completion.Wait], but it gives up when ctx ends and then returns the cause. If
// there already is a result, WaitContext returns it even if ctx has ended.
func (p *Completion[T]) WaitContext(ctx context.Context) (T, error) { return p.wait(ctx, Task{}) }

// wait is WaitContext. t is the task whose end completes p, or the zero Task.
func (p *Completion[T]) wait(ctx context.Context, t Task) (T, error) {
	c, err := t.enter(ctx)
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

// watch registers the function then, which Complete will call. watch returns the registration, and
// the caller must withdraw it when it no longer wants the call. If there already is a result, watch
// returns nil, and the function is never called.
func (p *Completion[T]) watch(then func(by *Ctx)) *queued {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.set.Load() {
		return nil
	}
	w := &queued{mu: &p.mu, then: then}
	p.queue.Push(w)
	return w
}

// A waitQueue is a first-in-first-out list of waiters, under its owner's lock. The party that takes
// a waiter out of the queue has claimed it. A waker that has claimed a waiter calls wake, without
// the lock. A waiting party that has claimed its own waiter gives up the wait.
type waitQueue struct{ list.List[queued] }

// A queued is one wait in a waitQueue.
type queued struct {
	list.Links[queued] // under mu
	wait.Waiter
	mu *atomicx.Mutex // the lock of the queue's owner

	member *member // if w is in Group.back, the member that waits for a place; under mu

	// then, if not nil, is a function that wake calls instead of waking a waiter. by is the
	// waker's running task, or nil. The function must not wait.
	then func(by *Ctx)
}

var _ wait.Withdrawer = (*queued)(nil)

// queuedPool pools the waits of tasks. The waits of goroutines are not reusable, because each has a
// channel.
var queuedPool wait.Pool[queued]

// push queues a wait of the task c, or of a goroutine if c is nil, under ctx. The caller holds mu.
func (q *waitQueue) push(mu *atomicx.Mutex, ctx context.Context, c *Ctx) *queued {
	w := queuedPool.Get(c.record())
	w.mu = mu
	w.Prepare(ctx, c.record())
	q.Push(w)
	return w
}

// wait returns nil when a waker has taken w out and woken it, or the cause when the context has
// ended. Nothing may use w afterwards.
func (w *queued) wait() error {
	err := w.WaitIn(w)
	if w.Reusable() {
		d := w.Task()
		*w = queued{}
		if !queuedPool.Keep(d, w) {
			queuedPool.Share(d, w)
		}
	}
	return err
}

// withdrawLocked takes w out of its queue and reports true. If w is in no queue, it reports false.
// The caller holds mu.
func (w *queued) withdrawLocked() bool {
	if !w.Leave() {
		return false
	}
	if w.member != nil {
		w.member.asks = nil
	}
	return true
}

// wake wakes w, which the caller has taken out of its queue. The caller holds no lock. by is the
// running task, or nil.
func (w *queued) wake(by *Ctx) {
	if w.then != nil {
		w.then(by)
		return
	}
	w.Wake(by.record())
}

// wakeAll wakes the waiters of a chain, in order. The caller holds no lock. by is the running task,
// or nil.
func wakeAll(ws list.Chain[queued], by *Ctx) {
	for {
		w := ws.Take()
		if w == nil {
			return
		}
		w.wake(by) // after this w may be in use for another wait
	}
}

// Withdraw implements wait.Withdrawer.
func (w *queued) Withdraw() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.withdrawLocked()
}
