package schedtest

import (
	"context"
	"time"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// panicsAndLeaks are programs that panic or leave tasks behind under some schedules.
var panicsAndLeaks = []planted{
	{"close beside send", panicked, func(c *task.Ctx, broken bool) {
		ch := tsync.NewChan[int](4)
		var wg tsync.WaitGroup
		for i := range 2 {
			wg.Go(func() { _ = ch.Send(context.Background(), i) })
		}
		if !broken {
			wg.Wait()
		}
		ch.Close()
	}},

	{"late answer without a receiver", tasksLeft, func(c *task.Ctx, broken bool) {
		capacity := 1
		if broken {
			capacity = 0
		}
		answer := tsync.NewChan[int](capacity)
		c.Go(func(c *task.Ctx) {
			_ = c.Sleep(time.Second)
			_ = answer.Send(c, 1)
		}, task.Name("worker"))
		ctx, cancel := task.WithTimeout(c, time.Second)
		defer cancel()
		_, _, _ = answer.Recv(ctx)
	}},

	{"closed twice", panicked, func(c *task.Ctx, broken bool) {
		ch := tsync.NewChan[int](0)
		var once tsync.Once
		closed := false
		both(func() {
			if !broken {
				once.Do(ch.Close)
				return
			}
			if !closed {
				checkpoint()
				closed = true
				ch.Close()
			}
		})
	}},

	{"stage leaves its source", tasksLeft, func(c *task.Ctx, broken bool) {
		ctx, cancel := context.WithCancel(c)
		if broken {
			ctx = context.WithoutCancel(c)
		}
		ch := tsync.NewChan[int](0)
		c.Go(func(c *task.Ctx) {
			for i := range 3 {
				if ch.Send(ctx, i) != nil {
					return
				}
			}
		}, task.Name("source"))
		for range 2 {
			_, _, _ = ch.Recv(c)
		}
		cancel()
	}},

	{"unlock of what was not locked", panicked, func(c *task.Ctx, broken bool) {
		var mu tsync.Mutex
		w := c.Go(func(c *task.Ctx) {
			if err := mu.LockContext(c); err != nil && !broken {
				return
			}
			mu.Unlock()
		})
		w.Cancel()
	}},
}
