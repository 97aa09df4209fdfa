package task_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// The context can be passed to any function that takes one. It ends on time even while all
// processors compute.
func ExampleWithTimeout() {
	sched, err := scheduler.New()
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()

	sched.Go(func(c *task.Ctx) {
		ctx, cancel := task.WithTimeout(c, time.Millisecond)
		defer cancel()
		fmt.Println(task.Sleep(ctx, time.Hour))
		fmt.Println(ctx.Err() == context.DeadlineExceeded, c.Err())
	}).Wait()
	// Output:
	// context deadline exceeded
	// true <nil>
}

// A task that takes too long is cancelled, and notices it wherever it waits.
func ExampleTimeout() {
	sched, err := scheduler.New()
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()

	t := sched.Go(func(c *task.Ctx) {
		for c.Err() == nil {
			_ = c.Sleep(100 * time.Microsecond)
		}
	}, task.Timeout(time.Millisecond))
	fmt.Println(t.Wait())
	// Output: context deadline exceeded
}

// Sleep also serves goroutines. It returns early when their context ends.
func ExampleSleep() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	fmt.Println(task.Sleep(ctx, time.Hour))
	// Output: context deadline exceeded
}
