package scheduler_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
	"github.com/heddle-go/heddle/task/tsync"
)

// sysmon moves queues, next slots and forked calls from behind hogs, while the number of workers
// changes, pauses begin and end, tasks are cancelled, and at last Shutdown or Close comes. No task
// is lost, everything ends, and the counts balance.
func TestHandingOutMeetsResizePauseAndClose(t *testing.T) {
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	eachCount(t, []int{1, 2, 4, 8}, func(t *testing.T, n int) {
		for round := range rounds {
			s, err := scheduler.New(scheduler.WithWorkers(n), scheduler.WithQuantum(scheduler.MinQuantum), scheduler.WithStallAfter(0))
			require.NoError(t, err)
			closes := round%2 == 0
			rng := rand.New(rand.NewPCG(uint64(n), uint64(round)))
			var calls atomic.Int64
			member := func(c *task.Ctx) {
				ch := tsync.NewChan[int](0)
				parallel.Do(c,
					func(c *task.Ctx) {
						_, _, _ = ch.Recv(c)
						// This is a hog, with whatever the next function has left on this worker.
						for range 200_000 {
						}
						calls.Add(1)
					},
					func(c *task.Ctx) {
						c.Go(func(*task.Ctx) {})
						_ = ch.Send(c, 1)
						calls.Add(1)
					},
					func(c *task.Ctx) { c.Yield(); calls.Add(1) },
				)
			}
			const members = 60
			var ts []task.Task
			for i := range members {
				ts = append(ts, s.Go(member))
				if i%10 == 9 && !closes {
					ts[i].CancelCause(errors.New("one of them"))
				}
			}
			if closes {
				// Only Close ends these tasks, wherever their calls are then.
				for range 4 {
					s.Go(func(c *task.Ctx) {
						forever := func(c *task.Ctx) {
							for !c.Cancelled() {
							}
							if !errors.Is(context.Cause(c), task.ErrClosed) && !errors.Is(c.Err(), task.ErrClosed) {
								panic("a call does not know why it was cancelled")
							}
						}
						parallel.Do(c, forever, forever, forever)
					})
				}
			}
			for range 10 {
				_ = s.Resize(1 + rng.IntN(n))
				ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
				_ = s.Pause(ctx) // it may be too short
				s.Resume()
				cancel()
				runtime.Gosched()
			}
			if closes {
				finish(t, "Close", func() { s.Close() })
			} else {
				finish(t, "Shutdown", func() { require.NoError(t, s.Shutdown(context.Background())) })
				for i := range ts {
					require.Equal(t, task.Done, ts[i].State())
				}
			}
			requireBalance(t, s)
		}
	})
}
