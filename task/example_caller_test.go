package task_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A function finds out which task calls it, without being passed a c.
func ExampleCurrent() {
	sched, err := scheduler.New()
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()

	where := func() string {
		if c, ok := task.Current(); ok {
			return "on task " + c.Task().Name()
		}
		return "on no task"
	}
	t := sched.Go(func(c *task.Ctx) {
		fmt.Println(where())
		_ = c.Blocking(func() { fmt.Println("in Blocking:", where()) })
	}, task.Name("warp"))
	if err := t.Wait(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(where())
	// Output:
	// on task warp
	// in Blocking: on no task
	// on no task
}

// As with errgroup, the members use the group's context. It parks them as their own c would, and
// ends when a member fails.
func ExampleNewGroupContext() {
	sched, err := scheduler.New()
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()

	g, ctx := task.NewGroupContext(context.Background(), sched)
	for range 3 {
		g.Go(func(*task.Ctx) error { return task.Sleep(ctx, time.Hour) })
	}
	g.Go(func(*task.Ctx) error { return errors.New("no such file") })
	fmt.Println(g.Wait())
	// Output: no such file
}

// A cancelled task leaves a call behind that cannot be interrupted. The task's end waits for the
// call.
func ExampleCtx_BlockingOrAbandon() {
	sched, err := scheduler.New()
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()

	begun, answer := make(chan struct{}), make(chan struct{})
	t := sched.Go(func(c *task.Ctx) {
		err := c.BlockingOrAbandon(func() {
			close(begun)
			<-answer
			fmt.Println("the call has returned")
		})
		fmt.Println("the task goes on:", err)
		close(answer)
	})
	<-begun
	t.Cancel()
	fmt.Println("the task has ended:", t.Wait())
	// Output:
	// the task goes on: context canceled
	// the call has returned
	// the task has ended: context canceled
}
