package soak

import (
	"context"
	"sync/atomic"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
	"github.com/heddle-go/heddle/task/tsync"
)

// This file has the cheap operations. One draw does hundreds of them.

var fibFunc *parallel.Func[int, int]

func init() { fibFunc = parallel.Define(fib) }

func fib(c *task.Ctx, n int) int {
	if n < 2 {
		return n
	}
	x := fibFunc.Fork(c, n-1)
	y := fib(c, n-2)
	return x.Join(c) + y
}

// fibs holds the results of fib, and forked the number of calls that each forks.
var fibs, forked = func() (fibs, forked [20]int) {
	fibs[1] = 1
	for n := 2; n < len(fibs); n++ {
		fibs[n] = fibs[n-1] + fibs[n-2]
		forked[n] = forked[n-1] + forked[n-2] + 1
	}
	return fibs, forked
}()

func (p *party) forks() {
	n := 11 + p.rng.IntN(7)
	check(fib(p.c, n) == fibs[n], "the result of a recursion that forks")
	p.add(forked[n])
}

func (p *party) yields() {
	n := 50 + p.rng.IntN(400)
	for i := range n {
		p.c.Yield()
		if i%16 == 0 {
			p.c.Checkpoint()
		}
	}
	p.add(n)
}

// stream passes values to the party through a channel. They arrive in order and none is missing.
func (p *party) stream() {
	n := 50 + p.rng.IntN(300)
	ch := tsync.NewChan[int](p.rng.IntN(3) * p.rng.IntN(20))
	x := p.c.Go(func(c *task.Ctx) {
		for i := range n {
			if ended(ch.Send(c, i)) {
				return
			}
		}
		ch.Close()
	})
	next := 0
	for {
		v, ok, err := ch.Recv(p.c)
		if ended(err) {
			x.Cancel()
			break
		}
		if !ok {
			check(next == n, "a stream has ended too early")
			break
		}
		check(v == next, "a value is missing, or has come twice")
		next++
	}
	p.add(2 * next)
}

// spawns starts tasks in one of several ways, and checks that each was called once.
func (p *party) spawns() {
	n := 20 + p.rng.IntN(200)
	calls := make([]atomic.Int32, n)
	switch p.rng.IntN(5) {
	case 0:
		var wg tsync.WaitGroup
		wg.Add(n)
		for i := range n {
			p.c.Go(func(*task.Ctx) {
				calls[i].Add(1)
				wg.Done()
			})
		}
		if ended(wg.WaitContext(p.c)) {
			return
		}
	case 1:
		g := task.NewGroup(p.c)
		for i := range n {
			if ended(g.GoContext(p.c, func(*task.Ctx) error {
				calls[i].Add(1)
				return nil
			})) {
				return
			}
		}
		if ended(g.WaitContext(p.c)) {
			return
		}
	case 2:
		var xs []task.Task
		for i := range n {
			xs = append(xs, p.c.Go(func(*task.Ctx) { calls[i].Add(1) }))
		}
		for _, x := range xs {
			if ended(x.WaitContext(p.c)) {
				return
			}
		}
	case 3:
		var fs []*task.Future[int]
		for i := range n {
			fs = append(fs, task.Submit(p.c, func(*task.Ctx) (int, error) {
				calls[i].Add(1)
				return i, nil
			}))
		}
		vs, err := task.All(p.c, fs...)
		if ended(err) {
			return
		}
		for i, v := range vs {
			check(v == i, "the value of another future")
		}
	case 4:
		parallel.InScope(p.c, func(s *parallel.Scope) {
			for i := range n {
				s.Go(p.c, func(*task.Ctx) { calls[i].Add(1) })
			}
		})
	}
	for i := range calls {
		check(calls[i].Load() == 1, "a task was not called, or twice")
	}
	p.add(n)
}

// locks takes the common lock again and again, each time without yielding.
func (p *party) locks() {
	n := 20 + p.rng.IntN(200)
	ctx := p.ctx
	if p.rng.IntN(4) == 0 {
		ctx = context.WithoutCancel(ctx)
	}
	for i := range n {
		if ended(p.mu.LockContext(ctx)) {
			n = i
			break
		}
		p.guarded++
		p.mu.Unlock()
	}
	p.locked.Add(int64(n))
	p.add(n)
}

// pingPong makes two tasks wake each other.
func (p *party) pingPong() {
	n := 20 + p.rng.IntN(150)
	me := p.c.Task()
	x := p.c.Go(func(c *task.Ctx) {
		for range n {
			if ended(c.Park()) {
				return
			}
			c.Ready(me)
		}
	})
	for i := range n {
		p.c.Ready(x)
		if ended(p.c.Park()) {
			x.Cancel()
			n = i
			break
		}
	}
	p.add(2 * n)
}
