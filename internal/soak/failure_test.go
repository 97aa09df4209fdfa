package soak

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
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

func (p *party) block() {
	v, err := task.BlockingValue(p.c, func() (int, error) {
		p.blocked.Add(1)
		defer p.blocked.Add(-1)
		time.Sleep(50 * time.Microsecond)
		return 7, nil
	})
	if !ended(err) {
		check(v == 7, "a blocking value")
	}
}

// abandon cancels a task while a function of BlockingOrAbandon or of Blocking runs. The task ends
// after that function has returned. If the function panics, the handler gets the panic, because the
// task no longer waits for it.
func (p *party) abandon() {
	var k crew
	turns, bad, stays := p.rng.IntN(50), p.rng.IntN(6), p.rng.IntN(2) == 0
	x := p.spawn(func(p *party) {
		call := p.c.BlockingOrAbandon
		if stays {
			call = p.c.Blocking
		}
		took := recovered(func() {
			err := call(func() {
				k.enter()
				defer k.leave()
				for range turns {
					runtime.Gosched()
				}
				switch bad {
				case 0:
					p.planted.Add(1)
					panic(planted)
				case 1:
					runtime.Goexit()
				}
			})
			check(err == nil || err == task.ErrGoexit && bad == 1 || ended(err), "a blocking call has failed")
		})
		if took {
			p.planted.Add(-1)
		}
	})
	for range p.rng.IntN(4) {
		p.pass()
	}
	if p.rng.IntN(2) == 0 {
		runtime.Gosched()
	}
	x.Cancel()
	if err, ok := p.wait(x); ok {
		if !stays || bad != 1 || !errors.Is(err, task.ErrGoexit) {
			ended(err)
		}
		k.gone()
	}
}

// blockingMembers makes a group whose members wait for functions of Blocking while one member
// fails, so that the others are cancelled. When Wait returns, the functions have returned.
func (p *party) blockingMembers() {
	var k crew
	g, _ := task.NewGroupContext(p.ctx, p.s)
	if n := p.rng.IntN(4); n > 0 {
		g.SetLimit(n)
	}
	turns := p.rng.IntN(50)
	n := 2 + p.rng.IntN(3)
	bad, all := p.rng.IntN(n), true
	for i := range n {
		err := g.GoContext(p.ctx, func(c *task.Ctx) error {
			if i == bad {
				c.Yield()
				return errPlanted
			}
			return c.Blocking(func() {
				k.enter()
				defer k.leave()
				for range turns {
					runtime.Gosched()
				}
			})
		})
		if ended(err) {
			all = false
			break
		}
	}
	ctx := p.ctx
	if p.c != nil {
		ctx = context.WithoutCancel(p.c)
	}
	err := g.WaitContext(ctx)
	if ctx.Err() != nil {
		return // a goroutine that leaves
	}
	check(!all || errors.Is(err, errPlanted) || ended(err), "the error of a member is lost")
	k.gone()
}

// cancel cancels a task at any moment of its life, in one of several ways.
func (p *party) cancel() {
	three := func(p *party) { p.run(3) }
	var x task.Task
	var stop func()
	switch p.rng.IntN(4) {
	case 0:
		x = p.spawn(three)
		stop = x.Cancel
	case 1:
		x = p.spawn(three)
		stop = func() { x.CancelCause(errCancelled) }
	case 2:
		ctx, cancel := context.WithCancel(context.Background())
		x = p.spawn(three, task.Parent(ctx))
		stop = cancel
	case 3:
		x = p.spawn(three, task.Timeout(p.soon()))
		stop = func() {}
	}
	for range p.rng.IntN(3) {
		p.pass()
	}
	stop()
	if err, ok := p.wait(x); ok {
		ended(err)
	}
}

// afterEnd registers functions to be called at the end of a task. Each of them is called once, or
// was stopped.
func (p *party) afterEnd() {
	end := p.rng.IntN(3)
	n := 1 + p.rng.IntN(3)
	x := p.aside(func(p *party) {
		for range n {
			p.atEnd()
		}
		switch end {
		case 0:
			ended(p.c.Park())
		case 1:
			p.planted.Add(1)
			panic(planted)
		case 2:
			p.pass()
		}
	})
	if end == 0 || p.rng.IntN(2) == 0 {
		p.pass()
		x.Cancel()
	}
	if err, ok := p.wait(x); ok {
		check(isPlanted(err) || err == nil || ended(err), "a task with functions that are called at its end")
	}
}

// atEnd registers a function with the party's own context or with one derived from it.
func (p *party) atEnd() {
	w := p.world
	w.called.Add(1)
	var called atomic.Bool
	f := func() {
		check(!called.Swap(true), "a function was called twice at the end of a task, or after it was stopped")
		w.called.Done()
	}
	var stop func() bool
	switch p.rng.IntN(4) {
	case 0:
		stop = p.c.AfterFunc(f)
	case 1:
		stop = context.AfterFunc(p.c, f)
	case 2:
		ctx, cancel := context.WithCancel(p.c)
		stop = context.AfterFunc(ctx, f)
		if p.rng.IntN(2) == 0 {
			cancel()
		}
		_ = cancel // the end of the task calls it
	case 3:
		ctx, cancel := task.WithTimeout(p.c, time.Hour)
		stop = context.AfterFunc(ctx, f)
		if p.rng.IntN(2) == 0 {
			cancel()
		}
		_ = cancel
	}
	if p.rng.IntN(3) == 0 {
		p.pass()
		if stop() {
			check(!called.Swap(true), "a function was stopped after it was called")
			w.called.Done()
		}
	}
}

type ownKey struct{}

type otherKey struct{}

// escape keeps contexts of a task beyond its end. They have ended then, and still show the task's
// values.
func (p *party) escape() {
	id := p.rng.Uint64()
	under := context.WithValue(context.Background(), ownKey{}, id)
	var kept [3]context.Context
	x := p.spawn(func(p *party) {
		var cancel context.CancelFunc
		kept[0] = p.c
		kept[1] = context.WithValue(p.c, otherKey{}, id)
		kept[2], cancel = context.WithCancel(p.c)
		_ = cancel
		p.pass()
	}, task.Parent(under))
	if err, ok := p.wait(x); !ok || ended(err) {
		return
	}
	p.pass()
	for _, ctx := range kept {
		check(ctx.Value(ownKey{}) == id, "a context shows another task's value")
		check(ctx.Err() == context.Canceled, "a context goes on after its task's end")
		select {
		case <-ctx.Done():
		default:
			fail("the Done channel of an ended task's context is open")
		}
	}
}

// A brokenCtx is a context with one method that panics from its nth call on, but only inside
// functions that provoke calls.
type brokenCtx struct {
	context.Context
	method string
	left   atomic.Int64
}

func (p *party) broken(ctx context.Context) *brokenCtx {
	x := &brokenCtx{Context: ctx, method: []string{"Done", "Err", "Value"}[p.rng.IntN(3)]}
	x.left.Store(p.rng.Int64N(4))
	return x
}

func (x *brokenCtx) Done() <-chan struct{} { x.call("Done"); return x.Context.Done() }
func (x *brokenCtx) Err() error            { x.call("Err"); return x.Context.Err() }
func (x *brokenCtx) Value(key any) any     { x.call("Value"); return x.Context.Value(key) }

func (x *brokenCtx) call(method string) {
	if method == x.method && provoked() && x.left.Add(-1) < 0 {
		panic(planted)
	}
}

// provoke calls f and reports whether f panicked with planted.
//
//go:noinline
func provoke(f func()) bool { return recovered(f) }

// provoked reports whether provoke is on the stack. Package context and heddle also call a
// context's methods on other goroutines. A panic there rightly ends the program.
func provoked() bool {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		f, more := frames.Next()
		if strings.HasSuffix(f.Function, "soak.provoke") {
			return true
		}
		if !more {
			return false
		}
	}
}

// submitBroken submits a task under a context that panics. If the submission panics, the task never
// runs; otherwise it has been accepted.
func (p *party) submitBroken() {
	under, cancel := context.WithCancel(context.Background())
	defer cancel()
	bad := p.broken(under)
	var ran, refused atomic.Bool
	body := func(*task.Ctx) {
		check(!ran.Swap(true), "a task under a context that panics has run twice")
		check(!refused.Load(), "a task runs although its submission has panicked")
	}
	member := func(c *task.Ctx) error { body(c); return nil }
	var x task.Task
	var g *task.Group
	how := p.rng.IntN(6)
	if provoke(func() {
		switch how {
		case 0:
			x = p.s.GoContext(bad, body)
		case 1:
			x = p.s.Go(body, task.Parent(bad), p.level())
		case 2:
			x = p.s.GoAfter(p.soon(), body, task.Parent(bad))
		case 3:
			x = task.Submit(p.s, func(c *task.Ctx) (int, error) { return 0, member(c) }, task.Parent(bad)).Task()
		case 4:
			g, _ = task.NewGroupContext(bad, p.s)
			ended(g.GoContext(p.ctx, member))
		case 5:
			if p.c != nil {
				x = p.c.Go(body, task.Parent(bad))
			} else {
				x = p.s.GoContext(context.Background(), body, task.Parent(bad), task.Timeout(time.Hour))
			}
		}
	}) {
		refused.Store(true)
		check(!ran.Load(), "a task has run although its submission has panicked")
		return
	}
	if g != nil {
		// g's context is derived from bad. If that panics while Wait ends it, the members have
		// ended nevertheless.
		recovered(func() { ended(g.WaitContext(p.ctx)) })
		return
	}
	if err, ok := p.wait(x); ok && !ended(err) {
		check(ran.Load(), "a task was accepted and has not run")
	}
}

// waitBroken waits under a context that panics. If the wait panics, nothing has changed, and the
// primitive goes on working.
func (p *party) waitBroken() {
	bad := p.broken(p.ctx)
	switch p.rng.IntN(5) {
	case 0:
		var m tsync.Mutex
		m.TryLock()
		x := p.aside(func(p *party) {
			p.pass()
			m.Unlock()
		})
		var err error
		if !provoke(func() { err = m.LockContext(bad) }) && !ended(err) {
			m.Unlock()
		}
		if err, ok := p.wait(x); ok && err == nil {
			check(m.TryLock(), "a lock was left taken")
		}
	case 1:
		ch := tsync.NewChan[int](p.rng.IntN(2))
		x := p.aside(func(p *party) {
			p.pass()
			v, ok, err := ch.Recv(p.c)
			check(ended(err) || !ok || v == 1, "another value than what was sent")
		})
		var err error
		if provoke(func() { err = ch.Send(bad, 1) }) || ended(err) {
			check(ch.Len() == 0, "a value was left")
			ch.Close()
		}
		if err, ok := p.wait(x); ok {
			ended(err)
		}
	case 2:
		sem := tsync.NewSemaphore(2)
		sem.TryAcquire(1)
		x := p.aside(func(p *party) {
			p.pass()
			sem.Release(1)
		})
		var err error
		if !provoke(func() { err = sem.Acquire(bad, 2) }) && !ended(err) {
			sem.Release(2)
		}
		if err, ok := p.wait(x); ok && err == nil {
			check(sem.TryAcquire(2), "units are missing")
		}
	case 3:
		var called atomic.Int64
		g := task.NewGroup(p.s)
		g.SetLimit(1 + p.rng.IntN(2))
		accepted := int64(0)
		for range 3 {
			var err error
			if !provoke(func() {
				err = g.GoContext(bad, func(c *task.Ctx) error {
					called.Add(1)
					c.Yield()
					return nil
				})
			}) && !ended(err) {
				accepted++
			}
		}
		provoke(func() { ended(g.WaitContext(bad)) })
		if !ended(g.WaitContext(p.ctx)) {
			check(called.Load() == accepted, "a member was not called, or one that was refused")
		}
	case 4:
		f := task.Submit(p.s, func(c *task.Ctx) (int, error) {
			c.Yield()
			return 3, nil
		})
		provoke(func() {
			v, err := f.WaitContext(bad)
			check(ended(err) || v == 3, "a future's value")
		})
		provoke(func() { ended(task.Sleep(bad, p.soon())) })
		if v, err := f.WaitContext(p.ctx); !ended(err) {
			check(v == 3, "a future's value")
		}
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
