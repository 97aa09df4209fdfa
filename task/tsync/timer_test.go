package tsync

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/handclock"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A stopwatch is a timer or a ticker, of Go's or of this package, as a script sees it.
type stopwatch interface {
	stop() string
	reset(d time.Duration) string
	recv() string // does not wait
	size() string // len and cap
	runs() int    // the number of runs of the function, after all that were started have ended
}

type goTimer struct {
	*time.Timer
	start time.Time
	n     *atomic.Int32
}

func (x goTimer) stop() string                 { return fmt.Sprint(x.Stop()) }
func (x goTimer) reset(d time.Duration) string { return fmt.Sprint(x.Reset(d)) }
func (x goTimer) size() string                 { return fmt.Sprint(len(x.C), cap(x.C)) }
func (x goTimer) recv() string                 { return recvGo(x.C, x.start) }
func (x goTimer) runs() int                    { synctest.Wait(); return int(x.n.Load()) }

type goTicker struct {
	*time.Ticker
	start time.Time
}

func (x goTicker) stop() string                 { x.Stop(); return "" }
func (x goTicker) reset(d time.Duration) string { x.Reset(d + 1); return "" }
func (x goTicker) size() string                 { return fmt.Sprint(len(x.C), cap(x.C)) }
func (x goTicker) recv() string                 { return recvGo(x.C, x.start) }
func (x goTicker) runs() int                    { return 0 }

func recvGo(c <-chan time.Time, start time.Time) string {
	select {
	case at := <-c:
		return at.Sub(start).String()
	default:
		return "none"
	}
}

type ourTimer struct {
	*Timer
	s *scheduler.Scheduler
	n *atomic.Int32
}

func (x ourTimer) stop() string                 { return fmt.Sprint(x.Stop()) }
func (x ourTimer) reset(d time.Duration) string { return fmt.Sprint(x.Reset(d)) }
func (x ourTimer) size() string                 { return fmt.Sprint(x.C.Len(), x.C.Cap()) }
func (x ourTimer) recv() string                 { return recvOurs(x.C) }

func (x ourTimer) runs() int {
	for {
		if st := x.s.Stats(); st.Spawned == st.Finished {
			return int(x.n.Load())
		}
		// Another task makes the only worker publish its counts.
		_ = x.s.Go(func(*task.Ctx) {}).Wait()
		runtime.Gosched()
	}
}

type ourTicker struct{ *Ticker }

func (x ourTicker) stop() string                 { x.Stop(); return "" }
func (x ourTicker) reset(d time.Duration) string { x.Reset(d + 1); return "" }
func (x ourTicker) size() string                 { return fmt.Sprint(x.C.Len(), x.C.Cap()) }
func (x ourTicker) recv() string                 { return recvOurs(x.C) }
func (x ourTicker) runs() int                    { return 0 }

func recvOurs(c *Chan[time.Time]) string {
	if at, ok := c.TryRecv(); ok {
		return at.Sub(handclock.Start).String()
	}
	return "none"
}

// A script is a sequence of steps. Each step is an operation with a duration.
type script []struct {
	op byte // p(ass time), s(top), r(eset), v(alue), l(en)
	d  time.Duration
}

func (sc script) String() (out string) {
	for _, x := range sc {
		out += fmt.Sprintf("%c%d ", x.op, x.d)
	}
	return out
}

// run does the steps and returns what it has seen on the way.
func (sc script) run(x stopwatch, pass func(d time.Duration), fn bool) (seen []string) {
	for i, step := range sc {
		what := ""
		switch step.op {
		case 'p':
			pass(step.d)
		case 's':
			what = x.stop()
		case 'r':
			what = x.reset(step.d)
		case 'v':
			if !fn {
				what = x.recv()
			}
		case 'l':
			if !fn {
				what = x.size()
			}
		}
		if fn {
			what += fmt.Sprint(" runs ", x.runs())
		}
		seen = append(seen, fmt.Sprintf("%d %c%d: %s", i, step.op, step.d, what))
	}
	return seen
}

// TestTimersAsGos checks that timers, functions and tickers do what those of package time do, step
// by step, in all orders of steps.
func TestTimersAsGos(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	rng := rand.New(rand.NewPCG(1, 2))
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	for round := range rounds {
		var sc script
		for range 2 + rng.IntN(12) {
			sc = append(sc, struct {
				op byte
				d  time.Duration
			}{"pppssrrvvvl"[rng.IntN(11)], time.Duration(1 + rng.IntN(4))})
		}
		first := time.Duration(1 + rng.IntN(4))
		for _, kind := range []string{"timer", "func", "ticker"} {
			var want, got []string
			synctest.Test(t, func(*testing.T) {
				start, n := time.Now(), atomic.Int32{}
				var x stopwatch
				switch kind {
				case "timer":
					x = goTimer{time.NewTimer(first), start, &n}
				case "func":
					x = goTimer{time.AfterFunc(first, func() { n.Add(1) }), start, &n}
				case "ticker":
					x = goTicker{time.NewTicker(first + 1), start}
				}
				// All that happens at this instant must be over before the next step.
				pass := func(d time.Duration) { time.Sleep(d); synctest.Wait() }
				want = sc.run(x, pass, kind == "func")
				x.stop()
			})
			clock := handclock.New()
			s, err := scheduler.New(scheduler.WithWorkers(1), scheduler.WithClock(clock))
			require.NoError(t, err)
			var n atomic.Int32
			var x stopwatch
			switch kind {
			case "timer":
				x = ourTimer{NewTimer(s, first), s, &n}
			case "func":
				x = ourTimer{AfterFunc(s, first, func(*task.Ctx) { n.Add(1) }), s, &n}
			case "ticker":
				x = ourTicker{NewTicker(s, first+1)}
			}
			got = sc.run(x, clock.Advance, kind == "func")
			x.stop()
			require.NoError(t, s.Close())
			require.Equal(t, want, got, "round %d, %s of %d: %v", round, kind, first, sc)
		}
	}
}

// watch returns a scheduler and the clock that it goes by, which the test turns.
func watch(t *testing.T, workers int) (*scheduler.Scheduler, *handclock.Clock) {
	t.Helper()
	clock := handclock.New()
	s, err := scheduler.New(scheduler.WithWorkers(workers), scheduler.WithClock(clock))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, clock
}

func TestTimerMisuse(t *testing.T) {
	s, _ := watch(t, 1)
	var zero Timer
	require.Panics(t, func() { zero.Stop() })
	require.Panics(t, func() { zero.Reset(1) })
	require.Panics(t, func() { AfterFunc(s, 1, nil) })
	require.Panics(t, func() { NewTicker(s, 0) })
	require.Panics(t, func() { NewTicker(s, 1).Reset(0) })
	require.Panics(t, func() { new(Ticker).Reset(1) })
	new(Ticker).Stop() // Go's does nothing either
	require.PanicsWithValue(t, "tsync: a timer with a nil Starter: pass a scheduler, or a task's Ctx", func() { NewTimer(nil, 1) })
	type wrapped struct{ task.Starter }
	defer func() {
		require.Contains(t, fmt.Sprint(recover()), "needs a scheduler or a task's Ctx")
	}()
	NewTimer(wrapped{}, 1)
}

// TestTimerClosedC checks that a timer sends nothing on a C that was closed by mistake, and that
// nothing panics where the timer fires.
func TestTimerClosedC(t *testing.T) {
	s, clock := watch(t, 1)
	x := NewTimer(s, 1)
	x.C.Close()
	clock.Advance(1)
	r := x.C.RecvCase()
	_, done := TrySelect(r)
	require.True(t, done)
	require.False(t, r.OK)
	require.False(t, x.Stop())
}

// TestTickerDrops checks that a ticker drops all ticks but the first if the receiver is slow.
func TestTickerDrops(t *testing.T) {
	s, clock := watch(t, 2)
	x := NewTicker(s, time.Second)
	clock.Advance(10*time.Second + time.Second/2)
	for _, want := range []time.Duration{1 * time.Second, 11 * time.Second, 12 * time.Second} {
		at, ok, err := x.C.Recv(context.Background())
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, want, at.Sub(handclock.Start))
		_, more := x.C.TryRecv()
		require.False(t, more)
		clock.Advance(time.Second)
	}
	x.Stop()
	_, more := x.C.TryRecv()
	require.False(t, more)
}

// TestTimerExactlyOnce lets several goroutines call Stop and Reset while the clock runs. Each
// arming must end in exactly one way: its value is received, or a Stop or a Reset returns true.
func TestTimerExactlyOnce(t *testing.T) {
	for _, workers := range []int{1, 2, 8} {
		s, clock := watch(t, workers)
		x := NewTimer(s, time.Hour)
		armed, ended := 1, 0
		stop := make(chan struct{})
		done := make(chan int)
		go func() { // turns the clock
			for {
				select {
				case <-stop:
					done <- 0
					return
				default:
					clock.Advance(1)
				}
			}
		}()
		rounds := 20_000
		if testing.Short() {
			rounds = 1000
		}
		type count struct{ armed, ended int }
		counts := make(chan count)
		const users = 3
		for g := range users {
			go func() {
				rng := rand.New(rand.NewPCG(uint64(g), 1))
				var c count
				for range rounds {
					switch rng.IntN(3) {
					case 0:
						if x.Stop() {
							c.ended++
						}
					case 1:
						if x.Reset(time.Duration(rng.IntN(3))) {
							c.ended++
						}
						c.armed++
					case 2:
						if _, ok := x.C.TryRecv(); ok {
							c.ended++
						}
					}
				}
				counts <- c
			}()
		}
		for range users {
			c := <-counts
			armed += c.armed
			ended += c.ended
		}
		close(stop)
		<-done
		if x.Stop() {
			ended++
		}
		require.Equal(t, armed, ended)
		_, any := x.C.TryRecv()
		require.False(t, any)
	}
}

// TestAfterFuncIsATask checks that the function of an AfterFunc is a task, which can wait, and can
// stop or reset its timer.
func TestAfterFuncIsATask(t *testing.T) {
	s, clock := watch(t, 1)
	runs := NewChan[time.Duration](10)
	var x *Timer
	x = AfterFunc(s, time.Second, func(c *task.Ctx) {
		_ = c.Sleep(time.Second)
		_ = runs.Send(c, clock.Since())
		if clock.Since() < 10*time.Second {
			x.Reset(time.Second)
		}
	})
	require.Nil(t, x.C)
	for clock.Since() < 20*time.Second {
		if _, ok := clock.Next(); ok {
			clock.Advance(time.Second)
		}
		if runs.Len() == 5 {
			break
		}
		runtime.Gosched()
	}
	for i := range 5 {
		at, _ := runs.TryRecv()
		require.Equal(t, time.Duration(2*(i+1))*time.Second, at)
	}
}

// TestTimersAfterClose checks that timers that are pending when the scheduler is closed never fire,
// nor do timers made later.
func TestTimersAfterClose(t *testing.T) {
	for _, end := range []func(s *scheduler.Scheduler) error{
		(*scheduler.Scheduler).Close,
		func(s *scheduler.Scheduler) error { return s.Shutdown(context.Background()) },
	} {
		s, clock := watch(t, 2)
		x, f := NewTimer(s, time.Second), AfterFunc(s, time.Second, func(*task.Ctx) { t.Error("called") })
		k := NewTicker(s, time.Second)
		require.NoError(t, end(s))
		late := NewTimer(s, 0)
		clock.Advance(time.Minute)
		for _, c := range []*Chan[time.Time]{x.C, k.C, late.C} {
			_, ok := c.TryRecv()
			require.False(t, ok)
		}
		x.Stop()
		x.Reset(1)
		f.Stop()
		k.Reset(1)
		k.Stop()
		_, set := clock.Next()
		require.False(t, set)
	}
}

// TestAfterFuncWhileDraining checks that a task that Shutdown waits for may itself wait for an
// AfterFunc.
func TestAfterFuncWhileDraining(t *testing.T) {
	s, clock := watch(t, 2)
	var done Event
	x := s.Go(func(c *task.Ctx) {
		AfterFunc(c, time.Second, func(*task.Ctx) { done.Set() })
		_ = done.WaitContext(c)
	})
	for x.State() != task.Waiting {
		runtime.Gosched()
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	require.Error(t, s.Shutdown(ended))
	clock.Advance(time.Second)
	require.NoError(t, s.Shutdown(context.Background()))
	require.NoError(t, x.Err())
}

// TestTimersOnRealTime checks timers on the real clock, used by tasks and by goroutines.
func TestTimersOnRealTime(t *testing.T) {
	each(t, func(w *world) {
		tick := NewTicker(w.s, 100*time.Microsecond)
		for range 5 {
			w.start(func(ctx context.Context) {
				for i := range 10 {
					start := time.Now()
					d := time.Duration(i) * 50 * time.Microsecond
					never := NewTimer(w.s, time.Hour)
					index, err := selectAt(ctx, never.C.RecvCase(), After(w.s, d).RecvCase())
					if err != nil || index != 1 || time.Since(start) < d {
						w.errorf("Select: %d, %v", index, err)
					}
					if !never.Stop() {
						w.errorf("Stop of a pending timer")
					}
					if err := task.Sleep(ctx, d); err != nil {
						w.errorf("Sleep: %v", err)
					}
					if _, _, err := tick.C.Recv(ctx); err != nil {
						w.errorf("tick: %v", err)
					}
				}
			})
		}
		w.wait()
		tick.Stop()
	})
}
