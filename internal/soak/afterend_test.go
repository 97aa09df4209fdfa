package soak

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/heddle-go/heddle/task"
)

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
