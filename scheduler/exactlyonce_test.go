package scheduler_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// Every task runs exactly once, whatever it does on the way: nothing, yields, parks and is
// made ready by a child or by a goroutine, sleeps, starts others and joins them.
func TestExactlyOnce(t *testing.T) {
	for _, p := range []scheduler.Pinning{scheduler.Threads, scheduler.None} {
		t.Run("pinning="+p.String(), func(t *testing.T) {
			eachCount(t, workerCounts, func(t *testing.T, n int) { exactlyOnce(t, n, p) })
		})
	}
}

func exactlyOnce(t *testing.T, workers int, p scheduler.Pinning) {
	const submitters = 8
	each := scale(25_000)
	s := open(t, workers, scheduler.WithPinning(p))
	var log errlog
	ran := make([]atomic.Int32, submitters*each*2) // a task and, for some, its child
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for g := range submitters {
		wg.Go(func() {
			<-begin
			for i := range each {
				at := 2 * (g*each + i)
				x := s.Go(func(c *task.Ctx) {
					mixedTask(c, i, &ran[at], &ran[at+1], &log)
				})
				if i%97 == 96 {
					x.Ready() // one token too many for some
				}
			}
		})
	}
	close(begin)
	wg.Wait()
	finish(t, "Shutdown", func() {
		if err := s.Shutdown(context.Background()); err != nil {
			panic(err)
		}
	})
	log.require(t)
	for i := range ran {
		want := int32(1)
		if i%2 == 1 && !hasChild(i/2%each) {
			want = 0
		}
		if got := ran[i].Load(); got != want {
			t.Fatalf("task %d ran %d times, want %d", i, got, want)
		}
	}
	requireBalance(t, s)
	st := s.Stats()
	t.Logf("dispatches %d yields %d parks %d steals %d stolen %d", st.Dispatches, st.Yields, st.Parks, st.Steals, st.Stolen)
}

func hasChild(i int) bool { return i%8 == 2 || i%8 == 3 || i%8 == 4 }

func mixedTask(c *task.Ctx, i int, ran, child *atomic.Int32, log *errlog) {
	switch i % 8 {
	case 1:
		for range i % 4 {
			c.Yield()
		}
	case 2: // parked, made ready by a child on the same worker
		me, set := c.Task(), new(atomic.Bool)
		c.Go(func(c *task.Ctx) {
			child.Add(1)
			set.Store(true)
			c.Ready(me)
		})
		for !set.Load() {
			log.check(c.Park() == nil, "Park failed")
		}
	case 3: // parked, made ready through the injector
		me, set := c.Task(), new(atomic.Bool)
		c.Go(func(c *task.Ctx) {
			c.Yield()
			child.Add(1)
			set.Store(true)
			me.Ready()
		})
		for !set.Load() {
			log.check(c.Park() == nil, "Park failed")
		}
	case 4: // joins
		x := c.Go(func(c *task.Ctx) {
			child.Add(1)
			c.Yield()
		})
		log.check(x.WaitContext(c) == nil, "Join failed")
		log.check(x.State() == task.Done, "joined, but not done")
	case 5:
		if i%64 == 5 {
			log.check(c.Sleep(time.Duration(i%100)*time.Microsecond) == nil, "Sleep failed")
		}
	case 6:
		for range 100 {
			c.Checkpoint()
		}
	}
	ran.Add(1)
}

// A spawned tree is stolen all over the place, and each parent joins its children.
func TestTreeOfJoins(t *testing.T) {
	eachCount(t, workerCounts, func(t *testing.T, n int) {
		s := open(t, n)
		depth := 14
		if testing.Short() || testkit.Race {
			depth = 10
		}
		var leaves atomic.Int64
		var node func(d int) func(c *task.Ctx)
		node = func(d int) func(c *task.Ctx) {
			return func(c *task.Ctx) {
				if d == 0 {
					leaves.Add(1)
					return
				}
				l, r := c.Go(node(d-1)), c.Go(node(d-1))
				if l.WaitContext(c) != nil || r.WaitContext(c) != nil {
					panic("Join failed")
				}
			}
		}
		require.NoError(t, s.Go(node(depth)).Wait())
		require.EqualValues(t, 1<<depth, leaves.Load())
	})
}
