package soak

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/heddle-go/heddle/task"
)

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
