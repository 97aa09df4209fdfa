package soak

import (
	"context"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

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
