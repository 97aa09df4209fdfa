package main

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler/schedtest"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// Whatever the order, and wherever the clock jumps past the deadline: a request has a sum or the
// cause of its context, one that has begun returns, and its task ends.
func TestRequestsInAnyOrder(t *testing.T) {
	schedules := 300
	if testing.Short() {
		schedules = 50
	}
	for _, faults := range []schedtest.Faults{{}, {Jump: time.Minute}} {
		schedtest.Run(t, schedtest.Config{Schedules: schedules, Faults: faults}, func(c *task.Ctx) {
			t := schedtest.TOf(c)
			h := &onHeddle{schedtest.Scheduler(c), job{3, new(atomic.Int64), new(atomic.Int64)}}
			var wg tsync.WaitGroup
			for i := range 2 {
				wg.Go(func() {
					c, _ := task.Current()
					ctx, cancel := task.WithTimeout(c, time.Second)
					defer cancel()
					_, err := h.do(ctx, make([]byte, payloadSize), i == 0)
					if faults.Jump == 0 || err == nil {
						require.NoError(t, err)
						return
					}
					require.ErrorIs(t, err, context.DeadlineExceeded)
				})
			}
			wg.Wait()
			_ = c.Sleep(time.Minute) // the tasks that were stopped have ended by then
			require.Equal(t, h.job.begun.Load(), h.job.returned.Load())
		})
	}
}
