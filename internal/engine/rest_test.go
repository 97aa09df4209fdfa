package engine

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/handclock"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

func open(t *testing.T, opts ...option) *Scheduler {
	s := start(opts...)
	t.Cleanup(s.Close)
	return s
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	t.Cleanup(cancel)
	return ctx
}

// The last worker that is awake may leave the pool instead of going to sleep. Then the pause begins
// as well.
func TestPauseWhileTheLastLeaves(t *testing.T) {
	s := open(t, withWorkers(2))
	var release [2]atomic.Bool
	var on atomic.Int32
	for range 2 {
		s.Go(func(c *task.Ctx) {
			id := (*rt.Life)(c).Task().Host().(*worker).id
			on.Add(1)
			for !release[id].Load() {
			}
		})
	}
	testkit.Until(t, "both workers are busy", func() bool { return on.Load() == 2 })
	paused := make(chan error)
	go func() { paused <- s.Pause(within(t)) }()
	testkit.Until(t, "the pause has begun", s.pause.on.Load)
	require.NoError(t, s.Resize(1))
	release[0].Store(true)
	testkit.Until(t, "the first sleeps", func() bool { return s.idle.Sleeping() == 1 })
	release[1].Store(true)
	require.NoError(t, <-paused)
}

// A worker that joins during a pause runs no task before the pause is over, nor does a worker that
// is woken to leave.
func TestResizeInAPause(t *testing.T) {
	for _, level := range []task.Level{task.Normal, task.High, task.Low} {
		s := open(t, withWorkers(2))
		require.NoError(t, s.Pause(within(t)))
		var ran atomic.Int32
		for range 100 {
			s.Go(func(c *task.Ctx) { ran.Add(1) }, task.Priority(level))
		}
		require.NoError(t, s.Resize(4))
		testkit.Until(t, "the new ones sleep", s.idle.Asleep)
		require.NoError(t, s.Resize(1))
		testkit.Until(t, "the others have left", func() bool { return s.idle.Workers() == 1 })
		require.Zero(t, ran.Load(), "%v", level)
		s.Resume()
		require.NoError(t, s.Wait(within(t)))
		require.EqualValues(t, 100, ran.Load())
	}
}

// Tasks of any level that take turns or start each other stop for a pause, and leave a worker that
// has to leave.
func TestHaltBesideLevels(t *testing.T) {
	for _, level := range []task.Level{task.Normal, task.High, task.Low} {
		s := open(t, withWorkers(2))
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
		testkit.Until(t, "one has left", func() bool { return s.idle.Workers() == 1 })
		stop.Store(true)
		require.NoError(t, s.Wait(within(t)))
	}
}

// When all is over, no goroutine is owed a P.
func TestNobodyIsOwed(t *testing.T) {
	s := open(t, withWorkers(1), withQueueLimit(1, Block))
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
	testkit.Until(t, "no goroutine is owed a P", func() bool { return s.shared.ReadyGoroutines.Load() == 0 })
}

// Wait returns when quiet is closed, also if submissions are refused at the same time.
func TestWaitBesideTheEnd(t *testing.T) {
	s := open(t, withWorkers(1))
	var stop atomic.Bool
	s.Go(func(c *task.Ctx) {
		for !stop.Load() {
			_ = c.Sleep(time.Millisecond)
		}
	})
	waited := make(chan error)
	go func() { waited <- s.Wait(within(t)) }()
	testkit.Until(t, "Wait waits", s.waits.any.Load)
	s.phase.CompareAndSwap(phaseOpen, phaseDraining) // as Shutdown does
	s.waits.mu.Lock()                                // holds quiesce up between its two looks
	stop.Store(true)
	<-s.quiet
	s.live.Add(1) // enter, of a submission that comes late
	s.waits.mu.Unlock()
	require.NoError(t, <-waited)
	s.exit() // it is refused
	require.NoError(t, s.Shutdown(within(t), nil))
}

// What would wait for its own caller is refused in handlers and in blocking calls too.
func TestWaitForOneself(t *testing.T) {
	var s *Scheduler
	got := make(chan error, 3)
	s = open(t, withWorkers(1), withPanicHandler(func(task.Task, *task.PanicError) {
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

// When Advance of a clock returns, everything that was due has happened, also timers that were due
// when they were armed.
func TestTurnedClockIsNotAhead(t *testing.T) {
	clock := handclock.New()
	s := open(t, withWorkers(1), withClock(clock))
	for range 5_000 {
		x := tsync.NewTimer(s, 0)
		clock.Advance(time.Millisecond)
		_, done := x.C.TryRecv()
		require.True(t, done)
	}
}

// A worker that comes by Resize wakes sysmon, which has to watch over its tasks.
func TestResizeWakesTheMonitor(t *testing.T) {
	s := open(t, withWorkers(1))
	testkit.Until(t, "sysmon sleeps", s.mon.Asleep)
	require.NoError(t, s.Resize(2))
	for s.mon.Asleep() {
		runtime.Gosched()
	}
}

// Submissions that give up beside the end of their deadline: for the race detector.
func TestGiveUpBesideADeadline(t *testing.T) {
	s := open(t, withWorkers(1), withQueueLimit(1, Block))
	var release atomic.Bool
	hog := s.Go(func(c *task.Ctx) {
		for !release.Load() {
			c.Checkpoint()
		}
	})
	testkit.Until(t, "the hog runs", func() bool { return hog.State() == task.Running })
	s.Go(func(*task.Ctx) {})
	for range 200 {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Microsecond)
		g, _ := task.NewGroupContext(context.WithValue(context.Background(), testkit.Patience, 1), s)
		_ = g.GoContext(ctx, func(*task.Ctx) error { return nil }, task.Timeout(50*time.Microsecond))
		cancel()
	}
	release.Store(true)
}
