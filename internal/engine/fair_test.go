package engine

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
)

// others counts the dispatches of all other tasks. With one worker, and all measurements made
// inside tasks, nothing else runs meanwhile. So the counts are exact bounds, and no clock is read.
type others struct {
	n    atomic.Int64
	stop atomic.Bool
}

// crowd starts k tasks that yield for ever.
func (x *others) crowd(c *task.Ctx, k int) {
	for range k {
		c.Go(func(c *task.Ctx) {
			for !x.stop.Load() {
				x.n.Add(1)
				c.Yield()
			}
		})
	}
}

// pair starts two tasks that wake each other for ever, through the next slot.
func (x *others) pair(c *task.Ctx) {
	var a, b task.Task
	player := func(other *task.Task) func(c *task.Ctx) {
		return func(c *task.Ctx) {
			for !x.stop.Load() {
				x.n.Add(1)
				c.Ready(*other)
				if c.Park() != nil {
					return
				}
			}
			c.Ready(*other)
		}
	}
	a = c.Go(player(&b))
	b = c.Go(player(&a))
}

// between runs start, which makes some task runnable that calls the function it is given, and
// returns how many turns others had until it ran.
func (x *others) between(c *task.Ctx, start func(ran func())) int64 {
	var after atomic.Int64
	before := x.n.Load()
	start(func() { after.Store(x.n.Load() + 1) })
	for after.Load() == 0 {
		c.Yield()
	}
	return after.Load() - 1 - before
}

// With any number of tasks that yield for ever, and with a pair that wakes itself, a new task and a
// woken one run after a bounded number of dispatches, by whatever way they come.
func TestFairness(t *testing.T) {
	const fair = 61 // how often the injector comes first
	for _, k := range []int{1, 10, 1000} {
		rounds := 50
		if testing.Short() && k == 1000 {
			rounds = 10 // which still has a round with a hog
		}
		s := open(t, withWorkers(1), withStallAfter(0))
		root := s.Go(func(c *task.Ctx) {
			var x others
			defer x.stop.Store(true)
			x.crowd(c, k)
			x.pair(c)
			// Once round the queue. After each task of the queue, up to three dispatches come from
			// the next slot, which is the pair. A task of the pair that finds a token has two turns
			// in a dispatch.
			own := int64(7 * (k + 5))
			direct := int64(2*2*fair + 16)
			for i := range rounds {
				injected := direct
				if i%10 == 9 {
					s.sysmon.freeBehind(s.workers()[0]) // sysmon has taken the task for a hog
					injected = own                      // behind all of them
				}
				n := x.between(c, func(ran func()) { c.Go(func(*task.Ctx) { ran() }) })
				assert.LessOrEqual(t, n, own, "%d: a task that a task started", i)

				n = x.between(c, func(ran func()) { s.Go(func(*task.Ctx) { ran() }) })
				assert.LessOrEqual(t, n, injected, "%d: a submitted task", i)

				p := c.Go(func(c *task.Ctx) { c.Park(); c.Park() })
				_ = p
				for _, how := range []string{"Ctx.Ready", "Task.Ready", "Cancel"} {
					ran := func() {}
					p := c.Go(func(c *task.Ctx) {
						c.Park()
						ran()
					})
					for p.State() != task.Waiting {
						c.Yield()
					}
					n := x.between(c, func(r func()) {
						ran = r
						switch how {
						case "Ctx.Ready":
							c.Ready(p)
						case "Task.Ready":
							p.Ready()
						case "Cancel":
							p.Cancel()
						}
					})
					assert.LessOrEqual(t, n, max(injected, own), "%d: a task woken by %s", i, how)
				}
				p.Ready()
				p.Cancel()
			}
		})
		testkit.Finish(t, "fairness", func() { root.Wait() })
	}
}

// Two tasks that wake each other through the next slot starve neither the queue nor the
// injector.
func TestPingPongStarvesNobody(t *testing.T) {
	s := open(t, withWorkers(1), withStallAfter(0))
	root := s.Go(func(c *task.Ctx) {
		var x others
		defer x.stop.Store(true)
		x.pair(c)
		for range 100 {
			n := x.between(c, func(ran func()) { c.Go(func(*task.Ctx) { ran() }) })
			assert.LessOrEqual(t, n, int64(7*4), "a queued task beside a ping-pong")
			n = x.between(c, func(ran func()) { s.Go(func(*task.Ctx) { ran() }) })
			assert.LessOrEqual(t, n, int64(4*61), "a submitted task beside a ping-pong")
		}
	})
	testkit.Finish(t, "ping-pong", func() { root.Wait() })
}

// A worker's queue is first-in-first-out for woken and yielding tasks. (For children see
// chain_test.go.)
func TestQueueIsFIFO(t *testing.T) {
	s := open(t, withWorkers(1), withQuantum(MaxQuantum), withStallAfter(0))
	const n = 1000
	var got []int
	root := s.Go(func(c *task.Ctx) {
		for i := range n {
			c.Go(func(c *task.Ctx) {
				c.Yield()
				got = append(got, i)
			})
		}
	})
	require.NoError(t, root.Wait())
	require.NoError(t, s.Wait(t.Context()))
	require.Len(t, got, n)
	require.Equal(t, n-1, got[0], "the newest child has yielded first")
	require.IsIncreasing(t, got[1:])
}

// Tasks that sleep so briefly that one of them is always due pass the worker to each other, but not
// for ever. Without maxDueRun the task that yields would have no further turn.
func TestFairnessToSleepers(t *testing.T) {
	const (
		sleepers, turnsOfOne = 100, 100
		inARow               = 16 // turns for one of the queue
	)
	s := open(t, withWorkers(1), withStallAfter(0))
	had, most := 0, int64(0)
	require.NoError(t, s.Go(func(c *task.Ctx) {
		var x others
		for range sleepers {
			c.Go(func(c *task.Ctx) {
				for !x.stop.Load() {
					x.n.Add(1)
					_ = c.Sleep(1) // the task is not cancelled
				}
			})
		}
		c.Yield()
		for range turnsOfOne {
			before := x.n.Load()
			c.Yield()
			most = max(most, x.n.Load()-before)
			had++
		}
		x.stop.Store(true)
	}).Wait())
	require.Equal(t, turnsOfOne, had)
	require.LessOrEqual(t, most, int64((sleepers+2)*inARow))
}

// Tasks that are queued behind one that does not give way have a turn, although the other worker
// always has tasks of its own.
func TestQueuedBehindAHog(t *testing.T) {
	s := open(t, withWorkers(2), withQuantum(time.Millisecond), withStallAfter(0))
	const queued = 10
	var ran atomic.Int64
	for range 4 {
		s.Go(func(c *task.Ctx) {
			for ran.Load() < queued {
				c.Checkpoint()
			}
		})
	}
	var xs []task.Task
	for range queued {
		xs = append(xs, s.Go(func(c *task.Ctx) { _ = c.Park(); ran.Add(1) }))
		testkit.Spin(func() bool { return xs[len(xs)-1].State() == task.Waiting })
	}
	hog := s.Go(func(c *task.Ctx) {
		for _, x := range xs {
			c.Ready(x) // into the next slot, and the one before it into the run queue
		}
		for ran.Load() < queued {
		}
	})
	testkit.Finish(t, "the hog, for which the queued tasks wait,", func() {
		for _, x := range append(xs, hog) {
			assert.NoError(t, x.Wait())
		}
	})
}
