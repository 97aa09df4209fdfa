package scheduler

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/handclock"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// long is when a test gives up.
const long = 5 * time.Minute

func make1(t *testing.T, opts ...Option) *Scheduler {
	t.Helper()
	s, err := New(opts...)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func soon(t *testing.T, cond func() bool, what string) {
	t.Helper()
	require.Eventually(t, cond, long, time.Millisecond, what)
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), long)
	t.Cleanup(cancel)
	return ctx
}

// The last worker that is awake may leave the pool instead of going to sleep; that too brings a pause about.
func TestPauseWhileTheLastLeaves(t *testing.T) {
	s := make1(t, WithWorkers(2))
	var release [2]atomic.Bool
	var on atomic.Int32
	for range 2 {
		s.Go(func(c *task.Ctx) {
			id := (*rt.Task)(c).Host().(*worker).id
			on.Add(1)
			for !release[id].Load() {
			}
		})
	}
	soon(t, func() bool { return on.Load() == 2 }, "both workers are busy")
	paused := make(chan error)
	go func() { paused <- s.Pause(within(t)) }()
	soon(t, s.pause.on.Load, "the pause has begun")
	require.NoError(t, s.Resize(1))
	release[0].Store(true)
	soon(t, func() bool { return s.idle.sleeping() == 1 }, "the first sleeps")
	release[1].Store(true)
	require.NoError(t, <-paused)
}

// A worker that joins in a pause runs nothing before it is over, nor does one that is woken to leave.
func TestResizeInAPause(t *testing.T) {
	for _, level := range []task.Level{task.Normal, task.High, task.Low} {
		s := make1(t, WithWorkers(2))
		require.NoError(t, s.Pause(within(t)))
		var ran atomic.Int32
		for range 100 {
			s.Go(func(c *task.Ctx) { ran.Add(1) }, task.Priority(level))
		}
		require.NoError(t, s.Resize(4))
		soon(t, s.idle.asleep, "the new ones sleep")
		require.NoError(t, s.Resize(1))
		soon(t, func() bool { return s.idle.n.Load() == 1 }, "the others have left")
		require.Zero(t, ran.Load(), "%v", level)
		s.Resume()
		require.NoError(t, s.Wait(within(t)))
		require.EqualValues(t, 100, ran.Load())
	}
}

// Tasks of any level that take turns, and those that start each other, stop for a pause and leave a worker that leaves.
func TestHaltBesideLevels(t *testing.T) {
	for _, level := range []task.Level{task.Normal, task.High, task.Low} {
		s := make1(t, WithWorkers(2))
		var stop atomic.Bool
		var again func(c *task.Ctx)
		again = func(c *task.Ctx) {
			if !stop.Load() {
				c.Go(again, task.Priority(level))
			}
		}
		for range 4 {
			s.Go(again, task.Priority(level))
			s.Go(func(c *task.Ctx) {
				for !stop.Load() {
					c.Yield()
				}
			}, task.Priority(level))
		}
		require.NoError(t, s.Pause(within(t)), "%v", level)
		s.Resume()
		require.NoError(t, s.Resize(1))
		soon(t, func() bool { return s.idle.n.Load() == 1 }, "one has left")
		stop.Store(true)
		require.NoError(t, s.Wait(within(t)))
	}
}

// When all is over, no goroutine is owed a P.
func TestNobodyIsOwed(t *testing.T) {
	s := make1(t, WithWorkers(1), WithQueueLimit(1, Block))
	const submitters = 5
	done := make(chan struct{})
	for range submitters {
		go func() {
			for range 200 {
				s.Go(func(c *task.Ctx) { c.Yield() })
			}
			done <- struct{}{}
		}()
	}
	for range submitters {
		<-done
	}
	require.NoError(t, s.Wait(within(t)))
	soon(t, func() bool { return s.home.ReadyGoroutines.Load() == 0 }, "nobody is owed")
}

// Wait returns when quiet is closed, whoever submits and is refused beside that.
func TestWaitBesideTheEnd(t *testing.T) {
	s := make1(t, WithWorkers(1))
	var stop atomic.Bool
	s.Go(func(c *task.Ctx) {
		for !stop.Load() {
			_ = c.Sleep(time.Millisecond)
		}
	})
	waited := make(chan error)
	go func() { waited <- s.Wait(within(t)) }()
	soon(t, s.waits.any.Load, "Wait waits")
	s.phase.CompareAndSwap(phaseOpen, phaseDraining) // as Shutdown does
	s.waits.mu.Lock()                                // holds quiesce up between its two looks
	stop.Store(true)
	<-s.quiet
	s.live.Add(1) // enter, of a submission that comes late
	s.waits.mu.Unlock()
	require.NoError(t, <-waited)
	s.exit() // it is refused
	require.NoError(t, s.Shutdown(within(t)))
}

// What would wait for its own caller is refused in handlers and in blocking calls too.
func TestWaitForOneself(t *testing.T) {
	var s *Scheduler
	got := make(chan error, 3)
	s = make1(t, WithWorkers(1), WithPanicHandler(func(task.Task, *task.PanicError) {
		got <- s.Wait(context.Background())
		got <- s.Pause(context.Background())
	}))
	s.Go(func(c *task.Ctx) { panic("planted") })
	require.Equal(t, errWaitOnTask, <-got)
	require.Equal(t, errPauseOnTask, <-got)
	s.Go(func(c *task.Ctx) {
		_ = c.Blocking(func() { got <- s.Wait(context.Background()) })
	})
	require.Equal(t, errWaitOnTask, <-got)
}

// When a clock has been turned, what was due has happened, also what was due at once when it was armed.
func TestTurnedClockIsNotAhead(t *testing.T) {
	clock := handclock.New()
	s := make1(t, WithWorkers(1), WithClock(clock))
	for range 5_000 {
		x := tsync.NewTimer(s, 0)
		clock.Advance(time.Millisecond)
		_, _, done := x.C.TryRecv()
		require.True(t, done)
	}
}

// A worker that comes by Resize wakes sysmon, which has to watch over its tasks.
func TestResizeWakesTheMonitor(t *testing.T) {
	s := make1(t, WithWorkers(1))
	soon(t, s.mon.Asleep, "sysmon sleeps")
	require.NoError(t, s.Resize(2))
	for s.mon.Asleep() {
		runtime.Gosched()
	}
}

// Submissions that give up beside the end of their deadline: for the race detector.
func TestGiveUpBesideADeadline(t *testing.T) {
	s := make1(t, WithWorkers(1), WithQueueLimit(1, Block))
	var release atomic.Bool
	hog := s.Go(func(c *task.Ctx) {
		for !release.Load() {
			c.Checkpoint()
		}
	})
	soon(t, func() bool { return hog.State() == task.Running }, "the hog runs")
	s.Go(func(*task.Ctx) {})
	for range 200 {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Microsecond)
		g, _ := task.NewGroupContext(context.WithValue(context.Background(), long, 1), s)
		_ = g.GoContext(ctx, func(*task.Ctx) error { return nil }, task.Timeout(50*time.Microsecond))
		cancel()
	}
	release.Store(true)
}
