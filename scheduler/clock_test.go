package scheduler_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/handclock"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// byHand starts a scheduler whose clock the test turns. At the end no timer may be left.
func byHand(t *testing.T, workers int, opts ...scheduler.Option) (*scheduler.Scheduler, *handclock.Clock) {
	t.Helper()
	clock := handclock.New()
	s := open(t, workers, append(opts, scheduler.WithClock(clock))...)
	return s, clock
}

// waiting waits until all tasks are parked.
func waiting(t *testing.T, ts ...task.Task) {
	t.Helper()
	for _, x := range ts {
		testkit.Until(t, "parking", func() bool { return x.State() == task.Waiting })
	}
}

// noTimers requires that none is armed.
func noTimers(t *testing.T, s *scheduler.Scheduler) {
	t.Helper()
	testkit.Until(t, "disarming", func() bool { armed, _ := s.PendingTimers(); return armed == 0 })
}

// Everything that waits for a time does so on the clock: not before it, and not long after.
func TestClock(t *testing.T) {
	const d = time.Minute
	waits := map[string]func(c *task.Ctx) error{
		"Ctx.Sleep":  func(c *task.Ctx) error { return c.Sleep(d) },
		"task.Sleep": func(c *task.Ctx) error { return task.Sleep(c, d) },
		"task.Sleep, derived": func(c *task.Ctx) error {
			ctx, cancel := context.WithCancel(c)
			defer cancel()
			return task.Sleep(ctx, d)
		},
		"Timer": func(c *task.Ctx) error {
			at, _, err := tsync.NewTimer(c, d).C.Recv(c)
			if err == nil && !at.Equal(handclock.Start.Add(d)) {
				err = errors.New("the timer sent " + at.String())
			}
			return err
		},
		"After": func(c *task.Ctx) error { _, _, err := tsync.After(c, d).Recv(c); return err },
		"AfterFunc": func(c *task.Ctx) error {
			me := c.Task()
			tsync.AfterFunc(c, d, func(c *task.Ctx) { c.Ready(me) })
			return c.Park()
		},
		"Ticker": func(c *task.Ctx) error {
			x := tsync.NewTicker(c, d)
			defer x.Stop()
			_, _, err := x.C.Recv(c)
			return err
		},
		"Select": func(c *task.Ctx) error {
			_, err := tsync.Select(c, tsync.After(c, 2*d).RecvCase(), tsync.NewTimer(c, d).C.RecvCase())
			return err
		},
		"WithTimeout": func(c *task.Ctx) error {
			ctx, cancel := task.WithTimeout(c, d)
			defer cancel()
			if _, _, err := tsync.NewChan[int](0).Recv(ctx); err != context.DeadlineExceeded {
				return errors.New("Recv did not return DeadlineExceeded")
			}
			return nil
		},
		"WithDeadline": func(c *task.Ctx) error {
			ctx, cancel := task.WithDeadline(c, handclock.Start.Add(d))
			defer cancel()
			inner, cancel := context.WithCancel(ctx)
			defer cancel()
			if _, _, err := tsync.NewChan[int](0).Recv(inner); err != context.DeadlineExceeded {
				return errors.New("Recv did not return DeadlineExceeded")
			}
			return nil
		},
		"Timeout": func(c *task.Ctx) error {
			x := c.Go(func(c *task.Ctx) { c.Park() }, task.Timeout(d))
			if err := x.WaitContext(c); err != context.DeadlineExceeded {
				return errors.New("the task did not end by DeadlineExceeded")
			}
			return nil
		},
		"Deadline": func(c *task.Ctx) error {
			x := c.Go(func(c *task.Ctx) { c.Park() }, task.Deadline(handclock.Start.Add(d)))
			if err := x.WaitContext(c); err != context.DeadlineExceeded {
				return errors.New("the task did not end by DeadlineExceeded")
			}
			return nil
		},
	}
	for name, wait := range waits {
		t.Run(name, func(t *testing.T) {
			eachCount(t, []int{1, 2, 4}, func(t *testing.T, n int) {
				s, clock := byHand(t, n)
				var returned atomic.Bool
				x := s.Go(func(c *task.Ctx) {
					if err := wait(c); err != nil {
						panic(err)
					}
					returned.Store(true)
				})
				testkit.Until(t, "arming", func() bool { next, ok := clock.Next(); return ok && next == d })
				waiting(t, x)
				clock.Advance(d - 1)
				armed, _ := s.PendingTimers()
				require.Positive(t, armed)
				require.Equal(t, task.Waiting, x.State())
				clock.Advance(1)
				finish(t, name, func() { require.NoError(t, x.Wait()) })
				require.True(t, returned.Load())
				if name == "Select" {
					clock.Advance(d)
				}
				noTimers(t, s)
			})
		})
	}
}

func TestWithClockNil(t *testing.T) {
	_, err := scheduler.New(scheduler.WithClock(nil))
	require.ErrorContains(t, err, "WithClock(nil)")
}
