package soak

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// soon returns a time within which an event may or may not happen.
func (p *party) soon() time.Duration {
	return time.Duration(p.rng.Int64N(int64(200 * time.Microsecond)))
}

// wait waits for the end of x. It returns false if this party was cancelled meanwhile.
func (p *party) wait(x task.Task) (error, bool) {
	if p.c == nil {
		return x.Wait(), true
	}
	err := x.WaitContext(p.c)
	return err, p.c.Err() == nil
}

func (p *party) after() {
	armed := &p.armed
	armed.Add(1)
	var called atomic.Bool
	t := tsync.AfterFunc(p.s, p.soon(), func(c *task.Ctx) {
		check(!called.Swap(true), "a timer's function was called twice, or after it was stopped")
		armed.Done()
	})
	if p.rng.IntN(2) == 0 {
		p.pass()
		if t.Stop() {
			check(!called.Swap(true), "a timer was stopped after its function was called")
			armed.Done()
		}
	}
}

func (p *party) timer() {
	ctx, cancel := p.brief()
	defer cancel()
	t := tsync.NewTimer(p.s, p.soon())
	if p.rng.IntN(2) == 0 {
		t.Reset(p.soon())
	}
	_, ok, err := t.C.Recv(ctx)
	check(ended(err) || ok, "a timer's channel is closed")
	t.Stop()
	_, late := t.C.TryRecv()
	check(!late, "a stopped timer has fired")
}

func (p *party) ticker() {
	ctx, cancel := p.brief()
	defer cancel()
	t := tsync.NewTicker(p.s, 20*time.Microsecond)
	defer t.Stop()
	for range 3 {
		if _, _, err := t.C.Recv(ctx); ended(err) {
			return
		}
	}
}

func (p *party) later() {
	var ran atomic.Bool
	x := p.s.GoAfter(p.soon(), func(c *task.Ctx) { ran.Store(true) }, p.level())
	if p.rng.IntN(2) == 0 {
		p.pass()
		x.Cancel()
	}
	if err, ok := p.wait(x); ok && !ended(err) {
		check(ran.Load(), "a delayed task has not run")
	}
}

// periodic starts a periodic task. One of its runs may panic. The handler gets that panic, so the
// next run follows.
func (p *party) periodic() {
	w := p.world
	var runs atomic.Int64
	bad := p.rng.Int64N(6)
	x := p.s.GoEvery(50*time.Microsecond, func(c *task.Ctx) {
		n := runs.Add(1)
		if n == 3 {
			c.Cancel()
		}
		if n == bad {
			w.planted.Add(1)
			panic(planted)
		}
	})
	if err, ok := p.wait(x); ok {
		check(ended(err) || p.cut.Load(), "a periodic task has ended without being cancelled")
		check(runs.Load() == 3 || w.cut.Load(), "a periodic task has ended too early or too late")
	}
}

func (p *party) deadline() {
	x := p.spawn(func(p *party) { _ = p.c.Park() }, task.Timeout(p.soon()), p.level())
	if err, ok := p.wait(x); ok {
		check(errors.Is(err, context.DeadlineExceeded) || p.cut.Load(), "a task has outlived its deadline")
	}
}

func (p *party) under() {
	ctx, cancel := context.WithCancelCause(context.Background())
	// This must come before spawn, because a caller that has to wait for the task's end could not
	// do it afterwards.
	time.AfterFunc(p.soon(), func() { cancel(errPlanted) })
	x := p.spawn(func(p *party) { _ = p.c.Park() }, task.Parent(ctx))
	if err, ok := p.wait(x); ok {
		check(errors.Is(err, errPlanted) || p.cut.Load(), "a task has outlived its parent")
	}
}

func (p *party) native() {
	ch := make(chan int, 1)
	p.spawn(func(*party) { ch <- 1 })
	if v, ok, err := task.Receive(p.ctx, ch); !ended(err) {
		check(ok && v == 1, "a value from a native channel")
	}
}

func (p *party) first() {
	one := func(c *task.Ctx) (int, error) {
		c.Yield()
		return 1, nil
	}
	bad := func(c *task.Ctx) (int, error) { return 0, errPlanted }
	v, err := task.First(p.ctx, task.Submit(p.s, bad), task.Submit(p.s, one), task.Submit(p.s, bad))
	if !ended(err) {
		check(v == 1, "the first success")
	}
}

// level returns a random priority.
func (p *party) level() task.Option { return task.Priority(task.Level(p.rng.IntN(3))) }
