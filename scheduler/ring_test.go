package scheduler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/handclock"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// A traceEvent is one event of WriteTrace.
type traceEvent struct {
	Name, Cat, Ph string
	Ts, Dur       float64
	Tid, ID       int
	Args          map[string]string
}

// traceOf returns what WriteTrace writes of the whole life of s.
func traceOf(t *testing.T, s *scheduler.Scheduler) []traceEvent {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, s.WriteTrace(&b, 24*time.Hour))
	var f struct {
		Events []traceEvent `json:"traceEvents"`
	}
	require.NoError(t, json.Unmarshal(b.Bytes(), &f))
	return f.Events
}

// A traceArrow is an arrow between two slices.
type traceArrow struct{ kind, from, to string }

// arrowsIn returns the arrows with the names of the slices at their ends. Each arrow must begin
// inside a slice, and end where a slice begins.
func arrowsIn(t *testing.T, events []traceEvent) (all []traceArrow) {
	t.Helper()
	slice := func(fits func(e traceEvent) bool) (name string) {
		for _, e := range events {
			if e.Ph == "X" && fits(e) {
				return e.Name
			}
		}
		require.Fail(t, "an arrow ends at no slice")
		return ""
	}
	const ns = 0.001
	for i, s := range events {
		if s.Ph != "s" {
			continue
		}
		f := events[i+1]
		require.Equal(t, "f", f.Ph)
		require.Equal(t, s.ID, f.ID)
		require.LessOrEqual(t, s.Ts, f.Ts)
		all = append(all, traceArrow{
			s.Name,
			slice(func(e traceEvent) bool {
				return e.Tid == s.Tid && s.Ts > e.Ts-ns/2 && (s.Ts < e.Ts+e.Dur-ns/2 || e.Dur == 0 && s.Ts < e.Ts+ns/2)
			}),
			slice(func(e traceEvent) bool { return e.Tid == f.Tid && f.Ts > e.Ts-ns/2 && f.Ts < e.Ts+ns/2 }),
		})
	}
	return all
}

// An arrow leads from a task that wakes another one, and from a task whose end does.
func TestTraceOfWakes(t *testing.T) {
	s := open(t, 1, scheduler.WithDispatchRing(1000))
	var e tsync.Event
	require.NoError(t, s.Go(func(c *task.Ctx) {
		waits := c.Go(func(*task.Ctx) { e.Wait() }, task.Name("waits"))
		c.Yield()
		joins := c.Go(func(c *task.Ctx) { _ = waits.WaitContext(c) }, task.Name("joins"))
		c.Yield()
		e.Set()
		_ = joins.WaitContext(c)
	}, task.Name("root")).Wait())
	arrows := arrowsIn(t, traceOf(t, s))
	require.Contains(t, arrows, traceArrow{"wake", "root", "waits"})
	require.Contains(t, arrows, traceArrow{"wake", "waits", "joins"})
	require.Contains(t, arrows, traceArrow{"wake", "joins", "root"})
}

// An arrow leads from the row of timers, whether a worker fires the timer or, because all sleep,
// another goroutine does.
func TestTraceOfTimers(t *testing.T) {
	for _, busy := range []bool{false, true} {
		s := open(t, 1, scheduler.WithDispatchRing(1<<16))
		// (A timer that fires before its task has parked leaves no arrow.)
		testkit.Until(t, "an arrow", func() bool {
			require.NoError(t, s.Go(func(c *task.Ctx) {
				var awake atomic.Bool
				sleeps := c.Go(func(c *task.Ctx) {
					require.NoError(t, c.Sleep(time.Millisecond))
					awake.Store(true)
				}, task.Name("sleeps"))
				for busy && !awake.Load() {
					c.Yield()
				}
				_ = sleeps.WaitContext(c)
			}).Wait())
			return slices.Contains(arrowsIn(t, traceOf(t, s)), traceArrow{"timer", "timer", "sleeps"})
		})
	}
}

// A Clock turns on a goroutine, or in a task of the scheduler. In both cases timers wake.
func TestTraceOfAClock(t *testing.T) {
	clock := handclock.New()
	s := open(t, 1, scheduler.WithDispatchRing(1000), scheduler.WithClock(clock))
	sleep := func(name string) task.Task {
		x := s.Go(func(c *task.Ctx) { _ = c.Sleep(time.Hour) }, task.Name(name))
		testkit.Until(t, "it sleeps", func() bool { return x.State() == task.Waiting })
		return x
	}
	first := sleep("first")
	clock.Advance(time.Hour)
	require.NoError(t, first.Wait())
	second := sleep("second")
	require.NoError(t, s.Go(func(*task.Ctx) { clock.Advance(time.Hour) }).Wait())
	require.NoError(t, second.Wait())
	arrows := arrowsIn(t, traceOf(t, s))
	require.Contains(t, arrows, traceArrow{"timer", "timer", "first"})
	require.Contains(t, arrows, traceArrow{"timer", "timer", "second"})
}

// An arrow leads from the row of goroutines if a goroutine wakes a task.
func TestTraceOfGoroutines(t *testing.T) {
	s := open(t, 1, scheduler.WithDispatchRing(1000))
	x := s.Go(func(c *task.Ctx) { _ = c.Park() }, task.Name("parks"))
	testkit.Until(t, "it waits", func() bool { return x.State() == task.Waiting })
	x.Ready()
	require.NoError(t, x.Wait())
	require.Equal(t, []traceArrow{{"goroutine", "goroutine", "parks"}}, arrowsIn(t, traceOf(t, s)))
}

// An arrow leads from the victim of a theft to the stolen task.
func TestTraceOfATheft(t *testing.T) {
	s := open(t, 2, scheduler.WithDispatchRing(1<<16))
	testkit.Until(t, "a theft", func() bool {
		require.NoError(t, s.Go(func(c *task.Ctx) {
			var ran atomic.Bool
			c.Go(func(*task.Ctx) { ran.Store(true) }, task.Name("stolen"))
			for !ran.Load() { // this worker is busy, so the other one steals the task
			}
		}, task.Name("victim")).Wait())
		return s.Stats().Steals > 0
	})
	events := traceOf(t, s)
	require.Contains(t, arrowsIn(t, events), traceArrow{"steal", "victim", "stolen"})
	for i, e := range events {
		if e.Name == "steal" && e.Ph == "s" {
			require.NotEqual(t, e.Tid, events[i+1].Tid, "it leads to another worker")
		}
	}
}

// A wake-up that comes before its task has parked leaves an arrow too: from a task, a goroutine and
// a timer.
func TestTraceOfEarlyWakes(t *testing.T) {
	s := open(t, 2, scheduler.WithDispatchRing(1000))
	early := func(name string, park rt.Park, wake func(d *rt.Task, woken func())) {
		_ = s.Go(func(c *task.Ctx) {
			d := (*rt.Life)(c).Task()
			var woken atomic.Bool
			wake(d, func() { woken.Store(true) })
			for !woken.Load() { // the task does not give way
			}
			d.Host().Park(d, park)
		}, task.Name(name)).Wait() // two of them are cancelled
	}
	wakeOnly, ready := rt.WaitOther.Park(rt.ForWakeOnly), rt.WaitReady.Park(rt.ForReady)
	early("by itself", wakeOnly, func(d *rt.Task, woken func()) {
		d.Wake()
		woken()
	})
	early("by a token", ready, func(d *rt.Task, woken func()) {
		s.Go(func(*task.Ctx) {
			d.Ready(d.Gen())
			woken()
		}, task.Name("gives"))
	})
	early("by a goroutine", wakeOnly, func(d *rt.Task, woken func()) {
		go func() {
			d.Wake()
			woken()
		}()
	})
	early("by a timer", wakeOnly, func(d *rt.Task, woken func()) {
		(&rt.Timer{Task: d}).Fire(0)
		woken()
	})
	early("cancelled", ready, func(d *rt.Task, woken func()) {
		d.Ready(d.Gen())
		d.TakeToken()
		rt.HandleOf(d, d.Gen()).Cancel(context.Canceled, nil)
		woken()
	})
	early("cancelled in a wait", rt.WaitOther.Park(rt.ForWake), func(d *rt.Task, woken func()) {
		rt.HandleOf(d, d.Gen()).Cancel(context.Canceled, nil)
		woken()
	})
	var arrows []traceArrow
	for _, a := range arrowsIn(t, traceOf(t, s)) {
		if a.kind != "steal" && a.to != "gives" {
			arrows = append(arrows, a)
		}
	}
	require.ElementsMatch(t, []traceArrow{
		{"wake", "by itself", "by itself"},
		{"wake", "gives", "by a token"},
		{"goroutine", "goroutine", "by a goroutine"},
		{"timer", "timer", "by a timer"},
	}, arrows)
}

// A token that comes before its task asks for it leaves no arrow, because the task does not leave
// its worker.
func TestTraceOfATokenInTime(t *testing.T) {
	s := open(t, 1, scheduler.WithDispatchRing(1000))
	require.NoError(t, s.Go(func(c *task.Ctx) {
		c.Task().Ready()
		require.NoError(t, c.Park())
	}).Wait())
	require.Empty(t, arrowsIn(t, traceOf(t, s)))
}
