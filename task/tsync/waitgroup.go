package tsync

import (
	"context"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// WaitGroup waits for a number of things to be done, by tasks or goroutines. It has the methods of a sync.WaitGroup. The zero
// WaitGroup waits for none. It must not be copied. As with sync.WaitGroup, an Add that brings the counter up from zero must happen before the Wait that is to
// see it, and a WaitGroup may serve again when every Wait of the round before has returned.
type WaitGroup struct {
	_ noCopy
	// state is the counter times two, plus one while somebody waits. It changes under mu when that
	// bit does, and when the counter falls to zero while it is set; so that those who wait are taken from the queue together
	// with the fall that they wait for.
	state atomicx.Int64
	mu    atomicx.Mutex
	queue queue[struct{}]
}

const wgWaited = 1

var plainWaiters pool[struct{}]

// Add adds delta, which may be negative, to the counter. When that becomes zero, all that wait
// are woken. It panics if the counter becomes negative.
func (g *WaitGroup) Add(delta int) {
	d := int64(delta) * 2
	for {
		s := g.state.Load()
		switch n := s + d; {
		case n < 0:
			panic("tsync: negative counter of a WaitGroup: more is Done than was added")
		case n == wgWaited:
			if g.addSlow(s, d) {
				return
			}
		case g.state.CompareAndSwap(s, n):
			return
		}
	}
}

// Done takes one off the counter.
func (g *WaitGroup) Done() { g.Add(-1) }

// addSlow brings the counter to zero, unless it is no longer at s.
func (g *WaitGroup) addSlow(s, d int64) bool {
	g.mu.Lock()
	if !g.state.CompareAndSwap(s, 0) {
		g.mu.Unlock()
		return false
	}
	list := g.queue.takeAll()
	g.mu.Unlock()
	wakeList(list, nil)
	return true
}

// Wait waits, parking the task or blocking the goroutine, until the counter is zero. Nothing else ends the wait: see
// [WaitGroup.WaitContext].
func (g *WaitGroup) Wait() {
	if g.state.Load()>>1 != 0 {
		ctx, d := callerUncancelled()
		_ = g.wait(ctx, d, true)
	}
}

// WaitContext is [WaitGroup.Wait], which gives up when ctx ends first, and returns the cause.
func (g *WaitGroup) WaitContext(ctx context.Context) error {
	d, err := enter(ctx)
	if err != nil || g.state.Load()>>1 == 0 {
		return err
	}
	return g.wait(ctx, d, false)
}

// wait waits, which the end of ctx does not end if hard.
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
	g.queue.push(w)
	g.mu.Unlock()
	_, _, err := plainWaiters.await(w, hard)
	return err
}

// Go adds one to the counter and runs f at the same time as the caller: if that is a task, in a new task of its scheduler,
// on its worker at first; if it is a goroutine, in a new goroutine. When f has returned, the counter goes down again. f can
// find its task with [task.Current].
//
// If f calls runtime.Goexit, or panics in a task, the counter goes down too; a panic in a goroutine ends the process before
// that. Closing the scheduler cancels tasks: if it does so before f has begun, f never runs and the counter goes down. If f is
// nil Go panics, and the counter is as before.
func (g *WaitGroup) Go(f func()) {
	if f == nil {
		panic("tsync: WaitGroup.Go with a nil function")
	}
	g.Add(1)
	m := &member{g, f}
	d := rt.Current()
	if d == nil {
		go m.run()
		return
	}
	if t, _ := d.Host().Spawn(m, nil); t == nil { // closed
		g.Done()
	}
}

// A member is a function that Go has been given.
type member struct {
	g *WaitGroup
	f func()
}

var _ rt.Runner = (*member)(nil)

// Run implements rt.Runner.
func (m *member) Run(*rt.Task) {
	defer m.g.Done()
	m.f()
}

// Skip implements rt.Runner.
func (m *member) Skip(*rt.Task) { m.g.Done() }

// run is Run on a goroutine. If f panics it must not let go the waiters, which could end the process before the panic has
// been printed.
func (m *member) run() {
	returned := false
	defer func() {
		if !returned {
			if why, _ := rt.Unwinding(0); why == rt.Panicking {
				return
			}
		}
		m.g.Done()
	}()
	m.f()
	returned = true
}

var _ owner[struct{}] = (*WaitGroup)(nil)

// withdraw implements owner. The bit that says that somebody waits may stay: it costs one slow Add.
func (g *WaitGroup) withdraw(w *waiter[struct{}]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return w.leave()
}
