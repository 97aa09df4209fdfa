package soak

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
	"github.com/heddle-go/heddle/task/tsync"
)

// errCancelled is the cause of cancellations that have a cause.
var errCancelled = fmt.Errorf("planted by the soak test: %w", context.Canceled)

// recovered calls f and reports whether f panicked with planted, as it is or in a PanicError. Any
// other panic fails the test.
func recovered(f func()) (yes bool) {
	returned := false
	defer func() {
		if returned {
			return
		}
		v := recover()
		if v == nil {
			return // a Goexit goes on
		}
		if pe, ok := v.(*task.PanicError); ok {
			v = pe.Value
		}
		if v != planted {
			fail(fmt.Sprintf("a panic that was not planted: %v", v))
		}
		yes = true
	}()
	f()
	returned = true
	return false
}

// isPlanted reports whether err is the PanicError of a planted panic.
func isPlanted(err error) bool {
	var pe *task.PanicError
	return errors.As(err, &pe) && pe.Value == planted
}

func (p *party) fail() {
	p.spawn(func(p *party) {
		p.planted.Add(1)
		panic(planted)
	})
}

// A crew counts the functions that are running.
type crew struct{ n atomic.Int64 }

func (k *crew) enter() { k.n.Add(1) }
func (k *crew) leave() { k.n.Add(-1) }
func (k *crew) gone()  { check(k.n.Load() == 0, "a function is still under way after all have ended") }

// fails waits, in one of several ways, for some functions. The function with the number bad calls
// last, which panics or calls runtime.Goexit. When fails returns, panics or exits, all functions
// have ended.
func fails(c *task.Ctx, how, bad int, last func()) {
	var k crew
	defer k.gone()
	body := func(c *task.Ctx, i int) {
		k.enter()
		defer k.leave()
		if i%2 == 0 {
			c.Yield()
		}
		if i == bad {
			last()
		}
	}
	at := func(i int) func(c *task.Ctx) { return func(c *task.Ctx) { body(c, i) } }
	shared := context.WithoutCancel(c)
	switch how {
	case 0:
		parallel.Do(c, at(0), at(1), at(2), at(3))
	case 1:
		_ = parallel.For(c, 8, body, parallel.WithGrain(1))
	case 2:
		parallel.InScope(c, func(s *parallel.Scope) {
			for i := range 4 {
				s.Go(c, at(i))
			}
			body(c, 4)
		})
	case 3:
		// After a panic comes out of one join, the calls that no worker has started still have to
		// be joined.
		var xs [3]*parallel.Call[failArg, bool]
		for i := range xs {
			xs[i] = failFunc.Fork(c, failArg{body, i})
		}
		failed := false
		for i := range xs {
			if recovered(func() { xs[len(xs)-1-i].Join(c) }) {
				failed = true
			}
		}
		if failed {
			panic(planted)
		}
	case 4:
		next, stop := task.Pull(c, func(yield func(int) bool) {
			for i := range 4 {
				body(c, i)
				if !yield(i) {
					return
				}
			}
		})
		defer stop()
		for range 5 {
			next()
		}
	case 5:
		g := task.NewGroup(c)
		g.SetLimit(1 + bad%4)
		for i := range 4 {
			if ended(g.GoContext(shared, func(c *task.Ctx) error {
				body(c, i)
				return nil
			})) {
				break
			}
		}
		if err := g.WaitContext(shared); errors.Is(err, task.ErrGoexit) {
			runtime.Goexit()
		}
	}
}

// A failArg holds a function and its argument.
type failArg struct {
	body func(c *task.Ctx, i int)
	i    int
}

var failFunc = parallel.Define(func(c *task.Ctx, a failArg) bool {
	a.body(c, a.i)
	return true
})

const ways = 6 // the number of values of how in fails

// recovers recovers a panic at the place where it waits for the function that panicked, and goes
// on.
func (p *party) recovers() {
	how, bad := p.rng.IntN(ways), p.rng.IntN(3)
	switch p.rng.IntN(4) {
	case 0: // operators, which are called while results are joined
		n := 1 + p.rng.IntN(500)
		at := p.rng.IntN(2 * n)
		var calls atomic.Int64
		xs := make([]int, n)
		for i := range xs {
			xs[i] = n - i
		}
		bomb := func() {
			if calls.Add(1) == int64(at) {
				panic(planted)
			}
		}
		grain := parallel.WithGrain(1 + p.rng.IntN(50))
		recovered(func() {
			switch p.rng.IntN(3) {
			case 0:
				_, err := parallel.Reduce(p.c, xs, 0, func(a, b int) int { bomb(); return a + b }, grain)
				ended(err)
			case 1:
				ended(parallel.SortFunc(p.c, xs, func(a, b int) int { bomb(); return a - b }, grain))
			case 2:
				_, _, err := parallel.MinMaxFunc(p.c, xs, func(a, b int) int { bomb(); return a - b }, grain)
				ended(err)
			}
		})
		before := calls.Load()
		p.c.Yield()
		check(calls.Load() == before, "an operator is called after its algorithm has ended")
	case 1: // a future
		f := task.Submit(p.c, func(c *task.Ctx) (int, error) {
			fails(c, how, bad, func() { panic(planted) })
			return 0, nil
		})
		_, err := f.WaitContext(p.c)
		check(isPlanted(err) || p.cut.Load() || ended(err), "a future's panic is lost")
	default:
		yes := recovered(func() { fails(p.c, how, bad, func() { panic(planted) }) })
		check(yes || p.c.Cancelled() || p.cut.Load(), "a panic is lost")
	}
}

// waitsInDefer starts a task that panics, waits in a deferred function, and goes on.
func (p *party) waitsInDefer() {
	w := p.world
	f := task.Submit(p.s, func(c *task.Ctx) (n int, err error) {
		recovered(func() {
			defer func() {
				shared := context.WithoutCancel(c)
				if !ended(w.mu.LockContext(shared)) {
					w.guarded++
					w.locked.Add(1)
					c.Yield()
					w.mu.Unlock()
				}
				check(fib(c, 8) == fibs[8], "a recursion in a deferred function")
				ended(c.Sleep(time.Microsecond))
				n++
			}()
			panic(planted)
		})
		c.Yield()
		return n + 1, nil
	})
	if v, err := f.WaitContext(p.ctx); !ended(err) {
		check(v == 2, "a task that has recovered")
	}
}

// exits starts a task that ends by runtime.Goexit, its own or that of a function that it waits for.
func (p *party) exits() {
	how, bad := p.rng.IntN(ways+2), p.rng.IntN(3)
	x := p.spawn(func(p *party) {
		switch how {
		default:
			fails(p.c, how, bad, runtime.Goexit)
		case ways:
			if p.rng.IntN(2) == 0 {
				_ = p.c.Blocking(runtime.Goexit)
			} else if errors.Is(p.c.BlockingOrAbandon(runtime.Goexit), task.ErrGoexit) {
				runtime.Goexit()
			}
		case ways + 1:
			runtime.Goexit()
		}
	})
	if err, ok := p.wait(x); ok && !p.cut.Load() {
		check(errors.Is(err, task.ErrGoexit), "a Goexit is lost")
	}
}

// misuse makes calls that panic, and then uses the same objects.
func (p *party) misuse() {
	var mu tsync.Mutex
	cond := tsync.NewCond(&mu)
	refused := func(f func()) {
		defer func() { check(recover() != nil, "misuse was not noticed") }()
		f()
	}
	refused(func() { _ = cond.WaitContext(context.WithoutCancel(p.c)) })
	refused(mu.Unlock)
	refused(func() { tsync.NewSemaphore(1).Release(1) })
	refused(func() { _ = task.NewGroup(p.c).GoContext(p.c, nil) })
	ch := tsync.NewChan[int](0)
	x := p.c.Go(func(c *task.Ctx) {
		cond.Signal()
		c.Yield()
		ended(ch.Send(c, 5))
	})
	v, ok, err := ch.Recv(p.c)
	if ended(err) {
		x.Cancel()
		return
	}
	check(ok && v == 5, "an earlier wait has ended another one")
}
