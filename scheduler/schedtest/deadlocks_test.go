package schedtest

import (
	"context"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// deadlocks are programs in which all tasks wait for ever under some schedules.
var deadlocks = []planted{
	{"philosophers", deadlock, func(c *task.Ctx, broken bool) {
		var fork [3]tsync.Mutex
		var wg tsync.WaitGroup
		for i := range fork {
			wg.Go(func() {
				first, second := i, (i+1)%len(fork)
				if !broken && second < first {
					first, second = second, first
				}
				fork[first].Lock()
				defer fork[first].Unlock()
				fork[second].Lock()
				defer fork[second].Unlock()
			})
		}
		wg.Wait()
	}},

	{"signal before the wait", deadlock, func(c *task.Ctx, broken bool) {
		var mu tsync.Mutex
		cond := tsync.NewCond(&mu)
		ready := false
		c.Go(func(c *task.Ctx) {
			mu.Lock()
			ready = true
			cond.Signal()
			mu.Unlock()
		})
		mu.Lock()
		for broken || !ready {
			cond.Wait()
			if broken {
				break
			}
		}
		mu.Unlock()
	}},

	{"semaphore leaked on cancel", deadlock, func(c *task.Ctx, broken bool) {
		sem := tsync.NewSemaphore(1)
		work := tsync.NewChan[int](0)
		w := c.Go(func(c *task.Ctx) {
			if sem.Acquire(c, 1) != nil {
				return
			}
			if _, _, err := work.Recv(c); err != nil && broken {
				return
			}
			sem.Release(1)
		})
		w.Cancel()
		_ = sem.Acquire(context.Background(), 1)
	}},

	{"actor forgets a reply", deadlock, func(c *task.Ctx, broken bool) {
		type request struct{ reply *tsync.Chan[bool] }
		inbox, stop := tsync.NewChan[request](4), tsync.NewChan[int](1)
		c.Go(func(c *task.Ctx) {
			r, s := inbox.RecvCase(), stop.RecvCase()
			for {
				switch chosen, _ := tsync.Select(c, r, s); chosen {
				case r:
					r.Value.reply.TrySend(true)
				default:
					for v, ok := inbox.TryRecv(); ok && !broken; v, ok = inbox.TryRecv() {
						v.reply.TrySend(false)
					}
					return
				}
			}
		}, task.Name("actor"))
		reply := tsync.NewChan[bool](1)
		_ = inbox.Send(c, request{reply})
		stop.TrySend(1)
		_, _, _ = reply.Recv(c)
	}},

	{"signal wakes the wrong side", deadlock, func(c *task.Ctx, broken bool) {
		var mu tsync.Mutex
		cond := tsync.NewCond(&mu) // of producers and consumers alike
		n := 0
		wake := cond.Broadcast
		if broken {
			wake = cond.Signal
		}
		move := func(from, to int) func() {
			return func() {
				for range 2 {
					mu.Lock()
					for n != from {
						cond.Wait()
					}
					n = to
					wake()
					mu.Unlock()
				}
			}
		}
		var wg tsync.WaitGroup
		for range 2 {
			wg.Go(move(0, 1))
			wg.Go(move(1, 0))
		}
		wg.Wait()
	}},

	{"transfers in both directions", deadlock, func(c *task.Ctx, broken bool) {
		var mu [2]tsync.Mutex
		balance := [2]int{100, 100}
		transfer := func(from, to, n int) func() {
			return func() {
				a, b := from, to
				if !broken {
					a, b = min(from, to), max(from, to)
				}
				mu[a].Lock()
				defer mu[a].Unlock()
				mu[b].Lock()
				defer mu[b].Unlock()
				balance[from] -= n
				balance[to] += n
			}
		}
		var wg tsync.WaitGroup
		wg.Go(transfer(0, 1, 10))
		wg.Go(transfer(1, 0, 20))
		wg.Wait()
		require.Equal(TOf(c), [2]int{110, 90}, balance)
	}},

	{"parents hold what children need", deadlock, func(c *task.Ctx, broken bool) {
		sem := tsync.NewSemaphore(2)
		both(func() {
			c, _ := task.Current()
			_ = sem.Acquire(c, 1)
			if !broken {
				sem.Release(1)
			}
			_ = c.Go(func(c *task.Ctx) {
				_ = sem.Acquire(c, 1)
				sem.Release(1)
			}).Wait()
			if broken {
				sem.Release(1)
			}
		})
	}},

	{"barrier without rounds", deadlock, func(c *task.Ctx, broken bool) {
		var mu tsync.Mutex
		cond := tsync.NewCond(&mu)
		here, round := 0, 0
		wait := func() {
			mu.Lock()
			defer mu.Unlock()
			mine := round
			if here++; here == 2 {
				here = 0
				round++
				cond.Broadcast()
				return
			}
			// The other one may be in the next round already.
			for broken && here != 0 || !broken && mine == round {
				cond.Wait()
			}
		}
		both(func() {
			wait()
			wait()
		})
	}},

	{"event reset too late", deadlock, func(c *task.Ctx, broken bool) {
		var e tsync.Event
		ch := tsync.NewChan[int](1)
		queue := 0
		c.Go(func(c *task.Ctx) {
			for range 2 {
				queue++
				e.Set()
				ch.TrySend(1)
			}
		})
		for seen := 0; seen < 2; {
			if broken {
				e.Wait()
			} else {
				_, _, _ = ch.Recv(c)
			}
			n := queue
			queue = 0
			seen += n
			if broken {
				e.Reset()
			}
		}
	}},
}
