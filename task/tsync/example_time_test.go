package tsync_test

import (
	"fmt"
	"log"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// A timer's C can be a case of a select like any other channel.
func ExampleNewTimer() {
	sched, err := scheduler.New()
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()

	results := tsync.NewChan[int](0)
	sched.Go(func(c *task.Ctx) {
		late := tsync.NewTimer(c, time.Millisecond)
		defer late.Stop()
		_, err := tsync.Select(c,
			tsync.OnRecv(results, func(v int, ok bool) { fmt.Println("a result:", v) }),
			tsync.OnRecv(late.C, func(time.Time, bool) { fmt.Println("too late") }))
		if err != nil {
			fmt.Println(err)
		}
	}).Wait()
	// Output: too late
}

// The function runs as a task of its own, which may wait.
func ExampleAfterFunc() {
	sched, err := scheduler.New()
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()

	var done tsync.Event
	sched.Go(func(c *task.Ctx) {
		tsync.AfterFunc(c, time.Millisecond, func(c *task.Ctx) {
			_ = c.Sleep(time.Millisecond)
			done.Set()
		})
		fmt.Println(done.WaitContext(c))
	}).Wait()
	// Output: <nil>
}

func ExampleNewTicker() {
	sched, err := scheduler.New()
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()

	sched.Go(func(c *task.Ctx) {
		tick := tsync.NewTicker(c, time.Millisecond)
		defer tick.Stop()
		n := 0
		for range tick.C.All(c) {
			n++
			fmt.Println("tick", n)
			if n == 3 {
				break
			}
		}
	}).Wait()
	// Output:
	// tick 1
	// tick 2
	// tick 3
}
