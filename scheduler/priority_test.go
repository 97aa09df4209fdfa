package scheduler_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

var levels = []task.Level{task.High, task.Normal, task.Low}

// The turns of the levels, as the documentation of task.Priority promises them.
const (
	highInARow = 7
	lowTurn    = 32
)

// With one worker and a crowd of each level that yields for ever, turns measure everything. flood
// starts crowds of some levels, and n counts their turns.
func flood(c *task.Ctx, stop *atomic.Bool, n *[3]atomic.Int64, k int, ls ...task.Level) {
	for _, l := range ls {
		for range k {
			c.Go(func(c *task.Ctx) {
				for !stop.Load() {
					n[l].Add(1)
					c.Yield()
				}
			}, task.Priority(l))
		}
	}
}

// No level starves another: while high or normal tasks flood the worker, the lower levels get their
// share of the turns.
func TestNoLevelStarves(t *testing.T) {
	for _, k := range []int{1, 3, 100} {
		s := open(t, 1, scheduler.WithStallAfter(0), scheduler.WithQuantum(scheduler.MaxQuantum))
		var log errlog
		root := s.Go(func(c *task.Ctx) {
			for _, ls := range [][]task.Level{
				{task.High, task.Normal, task.Low}, {task.High, task.Low}, {task.High, task.Normal}, {task.Normal, task.Low},
			} {
				var stop atomic.Bool
				var n [3]atomic.Int64
				flood(c, &stop, &n, k, ls...)
				total := func() int64 { return n[0].Load() + n[1].Load() + n[2].Load() }
				for total() < 20_000 {
					c.Yield() // this one is normal
				}
				for _, l := range ls {
					floor := total() / 3 // the upper one has what the lower ones leave
					switch {
					case l == task.Low:
						floor = total()/lowTurn - 2
						// A crowd of one has no turn while it is not queued.
						if k == 1 {
							floor /= 2
						}
					case l == task.Normal && ls[0] == task.High:
						floor = total() / (highInARow + 1) / 3 // the root has its part of them
					}
					if k == 1 && l != task.Low {
						floor = total() / 10
						if l == task.Normal {
							floor /= 10
						}
					}
					log.check(n[l].Load() >= floor, "%d of each of %v: %v had %d of %d turns, less than %d", k, ls, l, n[l].Load(), total(), floor)
				}
				stop.Store(true)
				for s.Stats().Queued > 0 {
					c.Yield()
				}
			}
		})
		finish(t, "the floods", func() { require.NoError(t, root.Wait()) })
		log.require(t)
	}
}

// A task of each level that comes into a flood of any other level runs within the promised number
// of turns, in whichever way it becomes runnable.
func TestTurnsBetweenLevels(t *testing.T) {
	s := open(t, 1, scheduler.WithStallAfter(0), scheduler.WithQuantum(scheduler.MaxQuantum))
	var log errlog
	root := s.Go(func(c *task.Ctx) {
		const k = 20
		for _, of := range levels {
			var stop atomic.Bool
			var n [3]atomic.Int64
			flood(c, &stop, &n, k, of)
			for _, l := range levels {
				bound := int64(2 * lowTurn) // low: a turn in 32, and there may be one before it
				switch {
				case l == task.High && of != task.High:
					bound = 2
				case l == task.High:
					bound = k + k/highInARow + 2
				case l == task.Normal && of == task.High:
					bound = 3 * (highInARow + 1) // the root takes turns of the normal ones
				case l == task.Normal:
					bound = k + 4
				case of == task.Low:
					bound = k*lowTurn + 4 // its queue, as long as the root, which is normal, yields
				}
				turns := func() int64 { return n[0].Load() + n[1].Load() + n[2].Load() }
				wait := func(how string, start func(ran func())) {
					var after atomic.Int64
					before := turns()
					start(func() { after.Store(turns() + 1) })
					for after.Load() == 0 {
						c.Yield()
					}
					took := after.Load() - 1 - before
					log.check(took <= bound, "a %v task, %s, waited for %d turns of %v ones, more than %d", l, how, took, of, bound)
				}
				for range 20 {
					wait("started", func(ran func()) { c.Go(func(*task.Ctx) { ran() }, task.Priority(l)) })
					// Tasks of goroutines wait for the worker's own: see TestFairness.
					if l != task.Normal {
						wait("submitted", func(ran func()) { s.Go(func(*task.Ctx) { ran() }, task.Priority(l)) })
					}
					ran := func() {}
					p := c.Go(func(c *task.Ctx) { c.Park(); ran() }, task.Priority(l))
					for p.State() != task.Waiting {
						c.Yield()
					}
					wait("woken", func(r func()) { ran = r; c.Ready(p) })
				}
			}
			stop.Store(true)
			for s.Stats().Queued > 0 {
				c.Yield()
			}
		}
	})
	finish(t, "the turns", func() { require.NoError(t, root.Wait()) })
	log.require(t)
}

// On a worker that becomes free, high tasks come first and low tasks last, each level in its order
// of arrival.
func TestLevelsInOrder(t *testing.T) {
	s := open(t, 1, noPreemption...)
	var got []task.Level
	root := s.Go(func(c *task.Ctx) {
		for range highInARow { // as many as in a row, so that the order is exact
			for _, l := range []task.Level{task.Low, task.Normal, task.High} {
				c.Go(func(c *task.Ctx) { got = append(got, l) }, task.Priority(l))
			}
		}
	})
	require.NoError(t, root.Wait())
	require.NoError(t, s.Shutdown(context.Background()))
	var want []task.Level
	for _, l := range levels {
		for range highInARow {
			want = append(want, l)
		}
	}
	require.Equal(t, want, got)
}

// A hog that passes checkpoints gives way to a high task long before its quantum is over. Each of
// the hogs here would go on for ten seconds, and the high task makes them end.
func TestHighInterruptsHogs(t *testing.T) {
	eachCount(t, []int{1, 2, 4}, func(t *testing.T, n int) {
		s := open(t, n, scheduler.WithStallAfter(0), scheduler.WithQuantum(scheduler.MaxQuantum))
		for _, l := range []task.Level{task.Normal, task.Low} {
			var stop atomic.Bool
			var up atomic.Int64
			var hogs []task.Task
			for range n {
				hogs = append(hogs, s.Go(func(c *task.Ctx) {
					up.Add(1)
					for !stop.Load() {
						c.Checkpoint()
					}
				}, task.Priority(l)))
			}
			for up.Load() < int64(n) {
				runtime.Gosched()
			}
			high := s.Go(func(*task.Ctx) { stop.Store(true) }, task.Priority(task.High))
			finish(t, "the hogs", func() { waitAll(t, append(hogs, high)) })
		}
		require.NoError(t, s.Close())
		require.NotZero(t, s.Stats().Preemptions)
	})
}

// Checkpointing hogs of all levels share a worker: each ends only when all have started.
func TestHogsOfAllLevelsShareAWorker(t *testing.T) {
	eachCount(t, []int{1, 2}, func(t *testing.T, n int) {
		s := open(t, n, scheduler.WithStallAfter(0), scheduler.WithQuantum(scheduler.MinQuantum))
		const each = 5
		var started atomic.Int64
		var ts []task.Task
		for _, l := range levels {
			for range each {
				ts = append(ts, s.Go(func(c *task.Ctx) {
					started.Add(1)
					for started.Load() < int64(each*len(levels)) {
						c.Checkpoint()
					}
				}, task.Priority(l)))
			}
		}
		finish(t, "the hogs", func() { waitAll(t, ts) })
	})
}

// Nothing is lost, whatever its level and however it becomes runnable, on any number of workers.
func TestLevelsLoseNothing(t *testing.T) {
	eachCount(t, workerCounts, func(t *testing.T, n int) {
		s := open(t, n, scheduler.WithQuantum(scheduler.MinQuantum))
		var ran, turns atomic.Int64
		roots, children := scale(2_000), 5
		ts := make([]task.Task, roots)
		for i := range ts {
			ts[i] = s.Go(func(c *task.Ctx) {
				var call []task.Task
				for j := range children {
					call = append(call, c.Go(func(c *task.Ctx) {
						switch j % 3 {
						case 0:
							c.Yield()
						case 1:
							c.Sleep(time.Microsecond)
						case 2:
							c.Park()
						}
						turns.Add(1)
						ran.Add(1)
					}, task.Priority(levels[(i+j)%3])))
				}
				for j, x := range call {
					if j%3 == 2 {
						c.Ready(x)
					}
					c.Yield()
					x.WaitContext(c)
				}
				ran.Add(1)
			}, task.Priority(levels[i%3]))
		}
		finish(t, "the tasks", func() { waitAll(t, ts) })
		require.EqualValues(t, roots*(children+1), ran.Load())
		require.NoError(t, s.Shutdown(context.Background()))
	})
}

// A free worker runs a low task if it has nothing else, and sleeping workers are woken for high and
// low tasks as for others. Each case ends only if all its tasks run at the same time.
func TestRankedTasksWakeWorkers(t *testing.T) {
	eachCount(t, []int{2, 4, 8}, func(t *testing.T, n int) {
		s := open(t, n, scheduler.WithStallAfter(0))
		for range scale(150) {
			for _, l := range levels {
				var up atomic.Int64
				var ts []task.Task
				for range n {
					ts = append(ts, s.Go(func(*task.Ctx) {
						up.Add(1)
						for up.Load() < int64(n) {
							runtime.Gosched()
						}
					}, task.Priority(l)))
				}
				finish(t, "the tasks", func() { waitAll(t, ts) })
			}
		}
	})
}

// Close cancels what is queued at each level, and Stats counts it while it is.
func TestCloseWithRankedTasks(t *testing.T) {
	s := open(t, 1, scheduler.WithStallAfter(0))
	var up, stop atomic.Bool
	hog := s.Go(func(*task.Ctx) {
		up.Store(true)
		for !stop.Load() {
		}
	})
	for !up.Load() {
		runtime.Gosched()
	}
	var ts []task.Task
	for _, l := range levels {
		ts = append(ts, s.Go(func(*task.Ctx) { panic("ran") }, task.Priority(l)))
	}
	require.Equal(t, 3, s.Stats().Queued)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		s.Close()
	}()
	for s.Go(func(*task.Ctx) {}).Err() != task.ErrClosed {
		runtime.Gosched()
	}
	stop.Store(true)
	finish(t, "Close", func() { <-closed })
	for _, x := range ts {
		require.Equal(t, task.ErrClosed, x.Err())
	}
	require.Equal(t, task.Done, hog.State())
}

// A stolen call is a part of its task and has its level; a task that it starts has not.
func TestStolenCallsHaveTheLevel(t *testing.T) {
	s := open(t, 2, scheduler.WithStallAfter(0))
	for _, l := range levels {
		var log errlog
		x := s.Go(func(c *task.Ctx) {
			var up atomic.Int64
			both := func(c *task.Ctx) { // each has a worker to itself, so one of them is stolen
				up.Add(1)
				for up.Load() < 2 {
					c.Checkpoint() // here a thief's request is met
				}
				got := task.Level((*rt.Life)(c).Task().Status().Level())
				log.check(got == l, "%v in a call of a %v task", got, l)
				c.Go(func(c *task.Ctx) {
					got := task.Level((*rt.Life)(c).Task().Status().Level())
					log.check(got == task.Normal, "%v in a task that a %v one has started", got, l)
				}).WaitContext(c)
			}
			parallel.Do(c, both, both)
		}, task.Priority(l))
		finish(t, "the calls", func() { require.NoError(t, x.Wait()) })
		log.require(t)
	}
}

func TestPriorityArguments(t *testing.T) {
	require.PanicsWithValue(t, "task: Priority(3): want Normal (0), High (1) or Low (2)", func() { task.Priority(3) })
	require.Equal(t, task.Normal, task.Level(0))
	for l, name := range map[task.Level]string{task.High: "high", task.Normal: "normal", task.Low: "low", 9: "Level(9)"} {
		require.Equal(t, name, l.String())
	}
}

type key struct{ name string }

// Parent does what GoContext does, for every way to submit.
func TestParent(t *testing.T) {
	eachCount(t, []int{1, 2}, func(t *testing.T, n int) {
		s := open(t, n)
		why := errors.New("why")
		ways := map[string]func(ctx context.Context, fn func(c *task.Ctx)) task.Task{
			"GoContext": func(ctx context.Context, fn func(c *task.Ctx)) task.Task { return s.GoContext(ctx, fn) },
			"Go":        func(ctx context.Context, fn func(c *task.Ctx)) task.Task { return s.Go(fn, task.Parent(ctx)) },
			"Ctx.Go": func(ctx context.Context, fn func(c *task.Ctx)) task.Task {
				var x task.Task
				require.NoError(t, s.Go(func(c *task.Ctx) { x = c.Go(fn, task.Parent(ctx)) }).Wait())
				return x
			},
			"Submit": func(ctx context.Context, fn func(c *task.Ctx)) task.Task {
				return task.Submit(s, func(c *task.Ctx) (int, error) { fn(c); return 0, nil }, task.Parent(ctx)).Task()
			},
			"Group": func(ctx context.Context, fn func(c *task.Ctx)) task.Task {
				g, _ := task.NewGroupContext(context.WithValue(context.Background(), key{"group"}, 3), s)
				me := make(chan task.Task, 1)
				require.NoError(t, g.GoContext(context.Background(), func(c *task.Ctx) error {
					me <- c.Task()
					fn(c)
					if c.Value(key{"group"}) != 3 {
						return errors.New("the group's context is not seen")
					}
					return c.Err()
				}, task.Parent(ctx)))
				if ctx.Err() != nil {
					require.Equal(t, context.Cause(ctx), g.WaitContext(context.Background()))
					return task.Task(rt.Tasks.Refused(context.Cause(ctx)))
				}
				return <-me
			},
		}
		for name, way := range ways {
			t.Run(name, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(context.WithValue(context.Background(), key{"v"}, 1))
				defer cancel(nil)
				late := time.Now().Add(time.Hour)
				ctx, stop := context.WithDeadline(ctx, late)
				defer stop()
				var log errlog
				var up atomic.Bool
				x := way(ctx, func(c *task.Ctx) {
					at, ok := c.Deadline()
					log.check(ok && at.Equal(late), "deadline %v %v", at, ok)
					log.check(c.Value(key{"v"}) == 1 && c.Value(key{"w"}) == nil, "values")
					up.Store(true)
					err := c.Park()
					log.check(err == why, "Park returned %v", err)
					log.check(context.Cause(c) == why, "Cause is %v", context.Cause(c))
				})
				for !up.Load() {
					runtime.Gosched()
				}
				cancel(why)
				require.Equal(t, why, x.Wait())
				log.require(t)

				x = way(ctx, func(c *task.Ctx) { t.Error("ran, although the context had ended") })
				require.Equal(t, why, x.Wait())
			})
		}
	})
}

// A task can be under several contexts, and lets them go when it ends.
func TestManyParents(t *testing.T) {
	s := open(t, 1)
	why := errors.New("why")
	for which := range 3 {
		var ctxs [3]context.Context
		var cancels [3]context.CancelCauseFunc
		for i := range ctxs {
			ctx := context.WithValue(context.WithValue(context.Background(), key{"who"}, i), key{string(rune('a' + i))}, i)
			ctx, stop := context.WithTimeout(ctx, time.Duration(10+i)*time.Hour)
			defer stop()
			ctxs[i], cancels[i] = context.WithCancelCause(ctx)
			defer cancels[i](nil)
		}
		var log errlog
		x := s.GoContext(ctxs[0], func(c *task.Ctx) {
			log.check(c.Value(key{"who"}) == 2, "the last one is asked first")
			for i := range 3 {
				log.check(c.Value(key{string(rune('a' + i))}) == i, "value of %d", i)
			}
			at, _ := c.Deadline()
			first, _ := ctxs[0].Deadline()
			log.check(at.Equal(first), "the earliest deadline counts")
			log.check(c.Park() == why, "Park")
		}, task.Parent(ctxs[1]), task.Parent(ctxs[2]))
		awaitState(x, task.Waiting)
		cancels[which](why)
		require.Equal(t, why, x.Wait())
		log.require(t)
	}
	require.PanicsWithValue(t, "task: Parent with a nil context: leave the option out, or use context.Background()", func() {
		var none context.Context
		task.Parent(none)
	})
}

// A task under another task's Ctx is cancelled with that.
func TestParentIsATask(t *testing.T) {
	s := open(t, 1)
	var call task.Task
	x := s.Go(func(c *task.Ctx) {
		call = c.Go(func(c *task.Ctx) { c.Park() }, task.Parent(c))
		for call.State() != task.Waiting {
			c.Yield()
		}
		c.Cancel()
	})
	require.Equal(t, context.Canceled, x.Wait())
	require.Equal(t, context.Canceled, call.Wait())
}
