package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// onSpot is task.Ctx.Blocking that never takes a call for a long one.
func onSpot(c *task.Ctx, fn func()) {
	d := (*rt.Life)(c).Task()
	if !d.Host().Call(d, fn, new(rt.CallKind)) {
		panic("not called on the spot")
	}
}

// eachPool runs a test with each number of workers, locked to threads or not.
func eachPool(t *testing.T, test func(t *testing.T, n int, s *scheduler.Scheduler), opts ...scheduler.Option) {
	eachCount(t, workerCounts, func(t *testing.T, n int) {
		for _, p := range []scheduler.Pinning{scheduler.Threads, scheduler.None} {
			s := open(t, n, append([]scheduler.Option{scheduler.WithPinning(p), scheduler.WithStallAfter(0)}, opts...)...)
			test(t, n, s)
		}
	})
}

// More functions than there are workers wait for each other: each worker that is inside one is
// taken over.
func TestCallsOnTheSpotWaitForEachOther(t *testing.T) {
	eachPool(t, func(t *testing.T, n int, s *scheduler.Scheduler) {
		for range 3 {
			var all sync.WaitGroup
			calls := 2*n + 3
			all.Add(calls)
			var ts []task.Task
			for range calls {
				ts = append(ts, s.Go(func(c *task.Ctx) {
					onSpot(c, func() { all.Done(); all.Wait() })
					c.Yield()
					onSpot(c, func() {})
				}))
			}
			finish(t, "the calls", func() { waitAll(t, ts) })
		}
	})
}

// What a function on the spot waits for may be in the worker's queue, in its next slot, forked by
// the task itself, or submitted while nothing else is queued.
func TestCallOnTheSpotWaitsForWork(t *testing.T) {
	eachPool(t, func(t *testing.T, n int, s *scheduler.Scheduler) {
		x := s.Go(func(c *task.Ctx) {
			for name, start := range map[string]func(c *task.Ctx, f func()) (end func()){
				"queued": func(c *task.Ctx, f func()) func() {
					c.Go(func(*task.Ctx) { f() })
					return func() {}
				},
				"made ready": func(c *task.Ctx, f func()) func() {
					y := c.Go(func(c *task.Ctx) { c.Park(); f() })
					for y.State() != task.Waiting {
						c.Yield()
					}
					return func() { c.Ready(y) }
				},
				"forked": func(c *task.Ctx, f func()) func() {
					var ran atomic.Bool
					parallel.Do(c,
						func(c *task.Ctx) {
							onSpot(c, func() {
								for !ran.Load() {
									runtime.Gosched()
								}
							})
						},
						func(*task.Ctx) { ran.Store(true) })
					f()
					return func() {}
				},
				"submitted": func(c *task.Ctx, f func()) func() {
					go func() {
						for c.Task().State() != task.Waiting {
							runtime.Gosched()
						}
						s.Go(func(*task.Ctx) { f() })
					}()
					return func() {}
				},
			} {
				ran := make(chan string, 1)
				end := start(c, func() { ran <- name })
				end()
				onSpot(c, func() { <-ran })
			}
		})
		finish(t, name(n), func() { require.NoError(t, x.Wait()) })
	})
}

func name(n int) string { return fmt.Sprint(n, " workers") }

// A function that panics or calls Goexit when its worker is another's already: the task does.
func TestCallOnTheSpotFails(t *testing.T) {
	eachPool(t, func(t *testing.T, n int, s *scheduler.Scheduler) {
		for _, waits := range []bool{false, true} {
			call := func(c *task.Ctx, end func()) {
				var gate sync.WaitGroup
				if waits {
					gate.Add(n)
					for range n {
						// One of these is on each worker, this one too.
						c.Go(func(*task.Ctx) { gate.Done(); gate.Wait() })
					}
				}
				onSpot(c, func() { gate.Wait(); end() })
			}
			x := s.Go(func(c *task.Ctx) {
				defer func() {
					pe, ok := recover().(*task.PanicError)
					if assert.True(t, ok) {
						assert.Equal(t, "in the call", pe.Value)
						assert.Contains(t, string(pe.Stack), "TestCallOnTheSpotFails")
					}
					c.Yield()
					onSpot(c, func() {})
				}()
				call(c, func() { panic("in the call") })
			})
			finish(t, "the panic", func() { require.NoError(t, x.Wait()) })
			cleaned := false
			x = s.Go(func(c *task.Ctx) {
				defer func() { c.Yield(); cleaned = true }()
				call(c, runtime.Goexit)
			})
			finish(t, "the Goexit", func() { require.ErrorIs(t, x.Wait(), task.ErrGoexit) })
			require.True(t, cleaned)
		}
	})
}

// Pause, Resize and Close come while all workers are inside calls.
func TestCallsOnTheSpotMeetPauseResizeAndClose(t *testing.T) {
	eachPool(t, func(t *testing.T, n int, s *scheduler.Scheduler) {
		begun, end := make(chan struct{}), make(chan struct{})
		var ts []task.Task
		for range n {
			ts = append(ts, s.Go(func(c *task.Ctx) {
				onSpot(c, func() { begun <- struct{}{}; <-end })
				onSpot(c, func() { begun <- struct{}{}; <-end })
				onSpot(c, func() { begun <- struct{}{}; <-c.Done() })
			}))
		}
		round := func() {
			for range n {
				<-begun
			}
		}
		finish(t, "Pause", func() {
			round()
			require.NoError(t, s.Pause(context.Background()))
		})
		for range n {
			end <- struct{}{}
		}
		require.Empty(t, begun, "a task runs in a pause")
		s.Resume()
		finish(t, "Resize", func() {
			round()
			require.NoError(t, s.Resize(1))
			require.NoError(t, s.Resize(n))
			for range n {
				end <- struct{}{}
			}
			round()
		})
		finish(t, "Close", func() { s.Close() })
		for _, x := range ts {
			require.ErrorIs(t, x.Err(), task.ErrClosed)
		}
	})
}

// Inside a function on the spot the caller is no task: a wait there blocks the thread, whether the
// call still has the worker or not.
func TestCallOnTheSpotIsNoTask(t *testing.T) {
	eachPool(t, func(t *testing.T, n int, s *scheduler.Scheduler) {
		var end atomic.Bool
		defer end.Store(true)
		if n > 1 { // while a task runs, the stack is looked at
			running := make(chan struct{})
			s.Go(func(c *task.Ctx) {
				for close(running); !end.Load(); {
					c.Checkpoint()
				}
			})
			<-running
		}
		x := s.Go(func(c *task.Ctx) {
			look := func() {
				assert.Equal(t, task.Waiting, c.Task().State())
				c.Yield()
				assert.NoError(t, c.Blocking(func() {}))
				assert.NoError(t, c.Sleep(1))
				assert.NoError(t, c.Go(func(*task.Ctx) {}).Wait())
				var later task.Completion[int]
				c.Go(func(*task.Ctx) { later.Complete(1, nil) })
				v, err := later.WaitContext(c)
				assert.NoError(t, err)
				assert.Equal(t, 1, v)
				assert.Equal(t, task.Waiting, c.Task().State())
			}
			onSpot(c, look)
			onSpot(c, func() {
				look()
				_, err := parallel.Run(s, func(*task.Ctx) (int, error) { return 1, nil })
				assert.NoError(t, err)
				look()
				assert.ErrorContains(t, s.Shutdown(context.Background()), "would wait for its caller")
				assert.ErrorContains(t, s.Wait(context.Background()), "would wait for its caller")
			})
		})
		finish(t, "the calls", func() { require.NoError(t, x.Wait()) })
	})
}

// The limit holds for calls on the spot and elsewhere together, and what is beyond it queues; the
// workers stay free.
func TestLimitOfCallsOnTheSpotAndElsewhere(t *testing.T) {
	const limit = 3
	calls := 30
	if testing.Short() {
		calls = 10
	}
	eachPool(t, func(t *testing.T, n int, s *scheduler.Scheduler) {
		var inside, most, done atomic.Int64
		fn := func() {
			k := inside.Add(1)
			for m := most.Load(); k > m && !most.CompareAndSwap(m, k); m = most.Load() {
			}
			runtime.Gosched()
			inside.Add(-1)
			done.Add(1)
		}
		const tasks = 50
		var ts []task.Task
		for i := range tasks {
			ts = append(ts, s.Go(func(c *task.Ctx) {
				for j := range calls {
					switch (i + j) % 3 {
					case 0:
						assert.NoError(t, c.BlockingOrAbandon(fn))
					default:
						assert.NoError(t, c.Blocking(fn))
					}
				}
			}))
		}
		free := s.Go(func(c *task.Ctx) { c.Yield() })
		finish(t, "the calls", func() { waitAll(t, append(ts, free)) })
		require.EqualValues(t, tasks*calls, done.Load())
		require.LessOrEqual(t, most.Load(), int64(limit))
	}, scheduler.WithBlockingLimit(limit))
}

// Everything at once.
func TestCallsOnTheSpotStress(t *testing.T) {
	rounds := scale(4_000) / 200
	eachPool(t, func(t *testing.T, n int, s *scheduler.Scheduler) {
		stop := make(chan struct{})
		var others sync.WaitGroup
		others.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					_ = s.Resize(n)
					return
				default:
				}
				_ = s.Resize(1 + i%n)
				if i%8 == 0 {
					ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
					_ = s.Pause(ctx) // it may be too short
					cancel()
					s.Resume()
				}
				for range 100 {
					runtime.Gosched()
				}
			}
		})
		pipe := make(chan int)
		var sum, want atomic.Int64
		var ts []task.Task
		for i := range 16 {
			ts = append(ts, s.Go(func(c *task.Ctx) {
				for j := range rounds {
					v := 0
					switch (i/2 + j) % 8 {
					case 0, 1, 2:
						onSpot(c, func() { v = 1 })
						want.Add(1)
					case 3: // the tasks of a pair meet
						if i%2 == 0 {
							onSpot(c, func() { pipe <- 1 })
						} else {
							onSpot(c, func() { v = <-pipe })
							want.Add(1)
						}
					case 4:
						func() {
							defer func() { _ = recover() }()
							onSpot(c, func() { runtime.Gosched(); panic(errors.New("some")) })
						}()
					case 5:
						_ = c.Go(func(c *task.Ctx) { onSpot(c, runtime.Goexit) }).WaitContext(c)
					case 6:
						parallel.Do(c, func(c *task.Ctx) { onSpot(c, runtime.Gosched); v++ }, func(c *task.Ctx) { c.Yield() })
						want.Add(1)
					default:
						onSpot(c, func() { time.Sleep(time.Microsecond) })
						c.Yield()
					}
					sum.Add(int64(v))
				}
			}))
		}
		finish(t, "the calls", func() { waitAll(t, ts) })
		close(stop)
		others.Wait()
		require.Equal(t, want.Load(), sum.Load())
	})
}

// In a bubble the clock stands still until all sleep, also the one by which calls grow old.
func TestCallsOnTheSpotInABubble(t *testing.T) {
	for _, n := range []int{1, 2} {
		in := func(f func(t *testing.T, s *scheduler.Scheduler)) {
			synctest.Test(t, func(t *testing.T) {
				s, err := scheduler.New(scheduler.WithWorkers(n), scheduler.WithPinning(scheduler.None))
				require.NoError(t, err)
				f(t, s)
				require.NoError(t, s.Close())
			})
		}
		in(func(t *testing.T, s *scheduler.Scheduler) {
			begin := time.Now()
			require.NoError(t, s.Go(func(c *task.Ctx) {
				onSpot(c, func() { time.Sleep(time.Second) })
				_ = c.BlockingOrAbandon(func() {})
				_ = c.Sleep(time.Second)
			}).Wait())
			require.Equal(t, 2*time.Second, time.Since(begin))
		})
		in(func(t *testing.T, s *scheduler.Scheduler) { // functions that meet
			require.NoError(t, s.Go(func(c *task.Ctx) {
				native := make(chan int)
				for range n {
					c.Go(func(c *task.Ctx) { onSpot(c, func() { native <- 1 }) })
				}
				onSpot(c, func() {
					for range n {
						<-native
					}
				})
			}).Wait())
		})
		// A worker is taken over, and makes another call at the same time.
		in(func(t *testing.T, s *scheduler.Scheduler) {
			begun, first, second := make(chan int), make(chan int), make(chan int)
			var other task.Task
			x := s.Go(func(c *task.Ctx) {
				other = c.Go(func(c *task.Ctx) {
					onSpot(c, func() { close(first); <-second })
					c.Yield()
				})
				onSpot(c, func() { begun <- 1; <-first })
				c.Yield()
				close(second)
			})
			<-begun
			require.NoError(t, s.Pause(context.Background()))
			s.Resume()
			require.NoError(t, x.Wait())
			require.NoError(t, other.Wait())
		})
	}
}

// A function that leaves its goroutine locked to its thread does so to nothing else.
func TestALockLeftBehindDoesNoHarm(t *testing.T) {
	eachPool(t, func(t *testing.T, n int, s *scheduler.Scheduler) {
		x := s.Go(func(c *task.Ctx) {
			for range 3 {
				assert.NoError(t, c.BlockingOrAbandon(runtime.LockOSThread))
				native := make(chan int)
				c.Go(func(*task.Ctx) { close(native) })
				onSpot(c, func() { <-native })
			}
		})
		finish(t, "the calls", func() { require.NoError(t, x.Wait()) })
	})
}
