package task_test

import (
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// limited waits until the limiter allows a call, and then calls f. The task is parked meanwhile,
// whereas rate.Limiter.Wait would block its worker. If the task is cancelled while it waits, it
// returns its reservation to the limiter.
func limited(c *task.Ctx, l *rate.Limiter, f func()) error {
	r := l.Reserve()
	if !r.OK() {
		return fmt.Errorf("the limiter's burst of %d is too small", l.Burst())
	}
	if err := c.Sleep(r.Delay()); err != nil {
		r.Cancel()
		return err
	}
	f()
	return nil
}

// A rate.Limiter of golang.org/x/time says how long to wait, and the task sleeps that long.
func Example_rateLimit() {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	if err != nil {
		panic(err)
	}
	defer s.Close()
	l := rate.NewLimiter(rate.Every(time.Millisecond), 1)
	begin := time.Now()
	err = s.Go(func(c *task.Ctx) {
		calls := 0
		for range 5 {
			if err := limited(c, l, func() { calls++ }); err != nil {
				panic(err)
			}
		}
		fmt.Println(calls, "calls")
	}).Wait()
	fmt.Println(err, "at least 4 ms:", time.Since(begin) >= 4*time.Millisecond)
	// Output:
	// 5 calls
	// <nil> at least 4 ms: true
}
