package tsync

import (
	"context"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// WaitGroup waits until a number of tasks or goroutines have finished, with the methods of
// sync.WaitGroup. The zero WaitGroup waits for none. A WaitGroup must not be copied. As with
// sync.WaitGroup, an Add that raises the counter from zero must happen before the Wait that should
// see it. A WaitGroup can be used again when every Wait of the previous round has returned.
type WaitGroup struct {
	_ noCopy
	// state is twice the counter, plus one (wgWaited) while a waiter is queued. A change that sets
	// or clears wgWaited is made under mu. The fall of the counter to zero while wgWaited is set is
	// such a change, because it clears wgWaited. So for other callers that fall and the removal of
	// the waiters from the queue are one step.
	state atomicx.Int64
	mu    atomicx.Mutex
	queue queue[struct{}]
}

const wgWaited = 1

var plainWaiters pool[struct{}]

// Add adds delta, which may be negative, to the counter. If the counter becomes zero, Add wakes all
// waiters. It panics if the counter becomes negative.
func (g *WaitGroup) Add(delta int) {
	d := int64(delta) * 2
	slow := int64(rt.SlowLong)
	for {
		s := g.state.Load() | slow
		switch n := s + d; {
		case n < 0:
			if slow == 0 {
				panic("tsync: negative counter of a WaitGroup: more is Done than was added")
			}
			point()
			slow = 0
		case n == wgWaited:
			if g.addSlow(s, d) {
				return
			}
		case g.state.CompareAndSwap(s, n):
			return
		}
	}
}

// Done lowers the counter by one. It panics if the counter is zero.
func (g *WaitGroup) Done() { g.Add(-1) }

// addSlow sets the counter to zero and wakes the waiters, unless state is no longer s. It reports
// whether it did.
func (g *WaitGroup) addSlow(s, d int64) bool {
	g.mu.Lock()
	if !g.state.CompareAndSwap(s, 0) {
		g.mu.Unlock()
		return false
	}
	ws := g.queue.TakeAll()
	g.mu.Unlock()
	wakeAll(ws, nil)
	return true
}

// Wait waits until the counter is zero, parking the calling task or blocking the calling goroutine.
// Cancelling the task does not end the wait; use [WaitGroup.WaitContext] if it should.
func (g *WaitGroup) Wait() {
	point()
	if g.state.Load()>>1 != 0 {
		ctx, d := callerUncancelled()
		_ = g.wait(ctx, d, true)
	}
}

// WaitContext is like [WaitGroup.Wait], but gives up if ctx ends first, and returns the context's
// cause.
func (g *WaitGroup) WaitContext(ctx context.Context) error {
	d, err := enter(ctx)
	if err != nil || g.state.Load()>>1 == 0 {
		return err
	}
	return g.wait(ctx, d, false)
}

// wait does the work of Wait and WaitContext. If hard is set, the end of ctx does not end the wait.
func (g *WaitGroup) wait(ctx context.Context, d *rt.Task, hard bool) error {
	g.mu.Lock()
	for {
		s := g.state.Load()
		if s>>1 == 0 {
			g.mu.Unlock()
			return nil
		}
		if s&wgWaited != 0 || g.state.CompareAndSwap(s, s|wgWaited) {
			break
		}
	}
	w := plainWaiters.take(ctx, d, g)
	w.Reason = rt.WaitGroup
	g.queue.Push(w)
	g.mu.Unlock()
	_, _, err := plainWaiters.await(w, hard)
	return err
}

// Go raises the counter by one and runs f concurrently. If the caller is a task, f runs as a new
// task of the same scheduler, at first on the same worker. If the caller is a goroutine, f runs on
// a new goroutine. When f returns, the counter falls by one. Inside f, [task.Current] returns its
// task.
//
// If f calls runtime.Goexit, or panics in a task whose scheduler has a handler for panics, the
// counter falls too. Any other panic ends the process before the counter falls. If the scheduler is
// closed before f has begun, f never runs, and the counter falls. Go panics if f is nil, and then
// the counter has not changed.
func (g *WaitGroup) Go(f func()) {
	if f == nil {
		panic("tsync: WaitGroup.Go with a nil function")
	}
	g.Add(1)
	m := &member{g, f}
	d := rt.Current()
	if d == nil {
		go m.run(true)
		return
	}
	if t, _ := d.Worker().Host.Spawn(m, nil); t == nil { // the scheduler is closed
		g.Done()
	}
}

// A member is a function that was passed to Go.
type member struct {
	g *WaitGroup
	f func()
}

var _ rt.Runner = (*member)(nil)

// Run implements rt.Runner.
func (m *member) Run(d *rt.Task) { m.run(d.Shared().PanicsEnd) }

// Skip implements rt.Runner.
func (m *member) Skip(*rt.Task) { m.g.Done() }

// run calls f. If f panics and the panic ends the process, run must not release the waiters,
// because they could end the process before the runtime has printed the panic.
func (m *member) run(panicsEnd bool) {
	returned := false
	defer func() {
		if !returned && panicsEnd {
			if unwind, _ := rt.Unwinding(0); unwind == rt.Panicking {
				return
			}
		}
		m.g.Done()
	}()
	m.f()
	returned = true
}

var _ owner[struct{}] = (*WaitGroup)(nil)

// withdraw implements owner. It may leave wgWaited set without a waiter, which costs one slow Add.
func (g *WaitGroup) withdraw(w *waiter[struct{}]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return w.Leave()
}
