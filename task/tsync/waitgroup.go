package tsync

import (
	"context"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// WaitGroup waits for a number of things to be done. The zero WaitGroup waits for none. It must not be
// copied. As with sync.WaitGroup, an Add that brings the counter up from zero must happen before the Wait that is to
// see it, and a WaitGroup may serve again when every Wait of the round before has returned.
type WaitGroup struct {
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

// Wait waits, parking the task or blocking the goroutine, until the counter is zero. When ctx ends
// first it returns the cause.
func (g *WaitGroup) Wait(ctx context.Context) error {
	c, err := task.Enter(ctx)
	if err != nil {
		return err
	}
	if g.state.Load()>>1 == 0 {
		return nil
	}
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
	w := plainWaiters.take(ctx, c, g)
	w.Why = rt.WaitGroup
	g.queue.push(w)
	g.mu.Unlock()
	_, _, err = plainWaiters.wait(w)
	return err
}

// A Spawner starts tasks: a running task's [task.Ctx], or a scheduler.
type Spawner interface {
	Go(fn func(c *task.Ctx), opts ...task.Option) task.Task
}

// Go adds one to the counter and starts fn as a task, by on; when fn has returned, panicked or called runtime.Goexit, the
// counter goes down again. So it does when the task is cancelled before it starts, and fn never runs. If on is a scheduler
// that is closed, fn does not run and is not counted. Go panics, and the counter is as before, if on or fn is nil, or if on is
// a Ctx whose task is not the caller.
func (g *WaitGroup) Go(on Spawner, fn func(c *task.Ctx), opts ...task.Option) task.Task {
	if fn == nil {
		panic("tsync: WaitGroup.Go with a nil function")
	}
	g.Add(1)
	return task.Launch(on, func(c *task.Ctx) {
		defer g.Done()
		fn(c)
	}, g.Done, opts...)
}

var _ owner[struct{}] = (*WaitGroup)(nil)

// withdraw implements owner. The bit that says that somebody waits may stay: it costs one slow Add.
func (g *WaitGroup) withdraw(w *waiter[struct{}]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return w.leave()
}
