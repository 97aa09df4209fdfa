package schedtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
	"github.com/heddle-go/heddle/task/tsync"
)

var errStop = errors.New("stop")

// start runs the functions in tasks of their own and returns their handles.
func start(c *task.Ctx, fs ...func(c *task.Ctx)) (ts []task.Task) {
	for i, f := range fs {
		ts = append(ts, c.Go(f, task.Name(fmt.Sprint("t", i))))
	}
	return ts
}

func waitAll(ts []task.Task) {
	for _, t := range ts {
		_ = t.Wait()
	}
}

// documented has what the documentation of packages task and tsync says, as bodies. The test
// explores each body depth-first, with at most the given number of preemptions, and in the
// recommended mode.
var documented = []struct {
	name        string
	preemptions int
	body        func(c *task.Ctx)
}{
	{"Mutex excludes", 2, func(c *task.Ctx) {
		var mu tsync.Mutex
		inside := 0
		enter := func(c *task.Ctx) {
			mu.Lock()
			inside++
			c.Checkpoint()
			require.Equal(TOf(c), 1, inside)
			inside--
			mu.Unlock()
		}
		waitAll(start(c, enter, enter))
		require.True(TOf(c), mu.TryLock())
	}},

	{"LockContext of a cancelled task does not lock", 2, func(c *task.Ctx) {
		var mu tsync.Mutex
		ts := start(c, func(c *task.Ctx) {
			if err := mu.LockContext(c); err == nil {
				mu.Unlock()
			} else {
				require.ErrorIs(TOf(c), err, errStop)
			}
		}, func(c *task.Ctx) {
			mu.Lock()
			c.Checkpoint()
			mu.Unlock()
		})
		ts[0].CancelCause(errStop)
		waitAll(ts)
		require.True(TOf(c), mu.TryLock())
	}},

	{"RWMutex excludes writers", 1, func(c *task.Ctx) {
		var rw tsync.RWMutex
		readers, writers := 0, 0
		read := func(c *task.Ctx) {
			rw.RLock()
			readers++
			c.Checkpoint()
			require.Zero(TOf(c), writers)
			readers--
			rw.RUnlock()
		}
		waitAll(start(c, read, func(c *task.Ctx) {
			rw.Lock()
			writers++
			c.Checkpoint()
			require.Equal(TOf(c), []int{0, 1}, []int{readers, writers})
			writers--
			rw.Unlock()
		}, read))
		require.True(TOf(c), rw.TryLock())
	}},

	{"Chan keeps the order and loses nothing", 2, func(c *task.Ctx) {
		ch := tsync.NewChan[int](1)
		var got []int
		waitAll(start(c, func(c *task.Ctx) {
			for i := range 3 {
				require.NoError(TOf(c), ch.Send(c, i))
			}
			ch.Close()
		}, func(c *task.Ctx) {
			for v := range ch.All(c) {
				got = append(got, v)
			}
		}))
		require.Equal(TOf(c), []int{0, 1, 2}, got)
	}},

	{"A receiver that is cancelled takes nothing", 2, func(c *task.Ctx) {
		ch := tsync.NewChan[int](0)
		got, gone := 0, 0
		recv := func(c *task.Ctx) {
			switch _, ok, err := ch.Recv(c); {
			case err != nil:
				gone++
			case ok:
				got++
			}
		}
		ts := start(c, recv, recv)
		ts[0].Cancel()
		require.NoError(TOf(c), ch.Send(c, 1))
		ts[1].Cancel()
		waitAll(ts)
		require.Equal(TOf(c), 1, got)
		require.LessOrEqual(TOf(c), gone, 1)
	}},

	{"Select does one case or none", 1, func(c *task.Ctx) {
		a, b := tsync.NewChan[int](0), tsync.NewChan[int](0)
		did := 0
		ts := start(c, func(c *task.Ctx) {
			if x, err := tsync.Select(c, a.RecvCase(), b.SendCase(1)); err == nil {
				require.NotNil(TOf(c), x)
				did++
			}
		})
		sent := a.TrySend(1)
		_, received := b.TryRecv()
		ts[0].Cancel()
		waitAll(ts)
		n := 0
		for _, done := range []bool{sent, received} {
			if done {
				n++
			}
		}
		require.Equal(TOf(c), n, did)
	}},

	{"Semaphore bounds, and a cancelled Acquire takes no unit", 2, func(c *task.Ctx) {
		sem := tsync.NewSemaphore(1)
		inside := 0
		use := func(c *task.Ctx) {
			if sem.Acquire(c, 1) != nil {
				return
			}
			inside++
			require.Equal(TOf(c), 1, inside)
			inside--
			sem.Release(1)
		}
		ts := start(c, use, use)
		ts[1].Cancel()
		waitAll(ts)
		require.True(TOf(c), sem.TryAcquire(1))
	}},

	{"Once runs once, and is over when Do returns", 2, func(c *task.Ctx) {
		var once tsync.Once
		runs, over := 0, false
		do := func(c *task.Ctx) {
			once.Do(func() {
				runs++
				c.Checkpoint()
				over = true
			})
			require.True(TOf(c), over)
		}
		waitAll(start(c, do, do))
		require.Equal(TOf(c), 1, runs)
	}},

	{"Cond wakes the tasks that wait", 2, func(c *task.Ctx) {
		var mu tsync.Mutex
		cond := tsync.NewCond(&mu)
		tokens := 0
		take := func(c *task.Ctx) {
			mu.Lock()
			for tokens == 0 {
				cond.Wait()
			}
			tokens--
			mu.Unlock()
		}
		ts := start(c, take, take)
		for range 2 {
			mu.Lock()
			tokens++
			mu.Unlock()
			cond.Signal()
		}
		waitAll(ts)
		require.Zero(TOf(c), tokens)
	}},

	{"Barrier lets all go at once, one as the last", 1, func(c *task.Ctx) {
		b := tsync.NewBarrier(2)
		last, at := 0, 0
		wait := func(c *task.Ctx) {
			for round := range 2 {
				at++
				if b.Wait() {
					last++
				}
				require.GreaterOrEqual(TOf(c), at, 2*(round+1))
			}
		}
		waitAll(start(c, wait, wait))
		require.Equal(TOf(c), 2, last)
	}},

	{"KeyedMutex excludes by key", 2, func(c *task.Ctx) {
		var k tsync.KeyedMutex[string]
		inside := map[string]int{}
		enter := func(key string) func(c *task.Ctx) {
			return func(c *task.Ctx) {
				k.Lock(key)
				inside[key]++
				c.Checkpoint()
				require.Equal(TOf(c), 1, inside[key])
				inside[key]--
				k.Unlock(key)
			}
		}
		waitAll(start(c, enter("a"), enter("b"), enter("a")))
	}},

	{"Ready before Park is kept", 2, func(c *task.Ctx) {
		ready := false
		ts := start(c, func(c *task.Ctx) {
			for !ready {
				require.NoError(TOf(c), c.Park())
			}
		})
		ready = true
		c.Ready(ts[0])
		waitAll(ts)
	}},

	{"Cancel ends a wait with its cause", 2, func(c *task.Ctx) {
		ts := start(c, func(c *task.Ctx) {
			require.ErrorIs(TOf(c), c.Park(), errStop)
			require.ErrorIs(TOf(c), c.Sleep(time.Hour), errStop)
		})
		ts[0].CancelCause(errStop)
		require.ErrorIs(TOf(c), ts[0].Wait(), errStop)
	}},

	{"Group keeps its limit, and Wait returns the first error", 1, func(c *task.Ctx) {
		g, ctx := task.NewGroupContext(c, c)
		g.SetLimit(1)
		inside := 0
		for i := range 2 {
			g.Go(func(c *task.Ctx) error {
				inside++
				c.Checkpoint()
				require.Equal(TOf(c), 1, inside)
				inside--
				if i == 0 {
					return errStop
				}
				return nil
			})
		}
		require.ErrorIs(TOf(c), g.Wait(), errStop)
		require.ErrorIs(TOf(c), context.Cause(ctx), errStop)
	}},

	{"Future has its value, and First cancels the others", 1, func(c *task.Ctx) {
		slow := task.Submit(c, func(c *task.Ctx) (int, error) { return 1, c.Sleep(time.Hour) })
		fast := task.Submit(c, func(c *task.Ctx) (int, error) { return 2, c.Sleep(time.Second) })
		v, err := task.First(c, slow, fast)
		require.NoError(TOf(c), err)
		require.Equal(TOf(c), 2, v)
		_, err = slow.Wait()
		require.ErrorIs(TOf(c), err, context.Canceled)
	}},

	{"Flight makes one call at a time", 2, func(c *task.Ctx) {
		var f task.Flight[int, int]
		inside, calls := 0, 0
		do := func(c *task.Ctx) {
			v, err := f.Do(1, func() (int, error) {
				inside++
				calls++
				require.Equal(TOf(c), 1, inside)
				c.Checkpoint()
				inside--
				return 7, nil
			})
			require.NoError(TOf(c), err)
			require.Equal(TOf(c), 7, v)
		}
		waitAll(start(c, do, do))
		require.LessOrEqual(TOf(c), calls, 2)
	}},

	{"Completion has the first result", 2, func(c *task.Ctx) {
		var p task.Completion[int]
		won := 0
		set := func(v int) func(c *task.Ctx) {
			return func(c *task.Ctx) {
				if p.Complete(v, nil) {
					won = v
				}
			}
		}
		ts := start(c, set(1), set(2))
		v, err := p.Wait()
		require.NoError(TOf(c), err)
		waitAll(ts)
		require.Equal(TOf(c), won, v)
	}},

	{"A timer that Stop has stopped does not ring", 2, func(c *task.Ctx) {
		rang := false
		timer := tsync.AfterFunc(c, time.Second, func(*task.Ctx) { rang = true })
		ts := start(c, func(c *task.Ctx) { _ = c.Sleep(time.Second) })
		waitAll(ts)
		if timer.Stop() {
			_ = c.Sleep(time.Minute)
			require.False(TOf(c), rang)
		}
	}},

	{"Fork and join", 1, func(c *task.Ctx) {
		xs := []int{5, 3, 1, 4, 2}
		sum := 0
		var mu tsync.Mutex
		parallel.ForEach(c, xs, func(c *task.Ctx, x *int) {
			mu.Lock()
			sum += *x
			mu.Unlock()
		})
		require.Equal(TOf(c), 15, sum)
		parallel.Sort(c, xs)
		require.True(TOf(c), slices.IsSorted(xs))
	}},
}

// The documented behaviour holds in every schedule with a bounded number of preemptions.
func TestDocumentedBehaviour(t *testing.T) {
	for _, x := range testkit.Part(documented) {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			cfg := Config{Mode: DepthFirst, Preemptions: x.preemptions}
			if testing.Short() {
				cfg.Preemptions = max(0, x.preemptions-1)
			}
			Run(t, cfg, x.body)
			Run(t, Config{Schedules: many(1_000)}, x.body)
		})
	}
}
