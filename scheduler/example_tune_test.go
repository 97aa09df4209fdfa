package scheduler_test

import (
	"fmt"
	"log"
	"runtime"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// While an interactive phase lasts, short tasks get their turns sooner. The stall reports are off
// while a task is known to compute for long.
func ExampleScheduler_SetQuantum() {
	sched, err := scheduler.New()
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()

	fmt.Println(sched.SetQuantum(time.Millisecond), sched.SetStallAfter(0))
	err = sched.Go(func(c *task.Ctx) {
		for range 1_000_000 {
			c.Checkpoint() // gives way after a millisecond, if another task is runnable
		}
	}).Wait()
	fmt.Println(err, sched.SetQuantum(10*time.Millisecond), sched.SetStallAfter(time.Second))
	fmt.Println(sched.SetQuantum(time.Minute))
	// Output:
	// <nil> <nil>
	// <nil> <nil> <nil>
	// scheduler: SetQuantum(1m0s): want 100µs to 10s
}

// The number of workers follows GOMAXPROCS, which the Go runtime changes with the CPU limit of the
// container.
func ExampleWithGOMAXPROCS() {
	sched, err := scheduler.New(scheduler.WithGOMAXPROCS())
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()

	fmt.Println(sched.Workers() == runtime.GOMAXPROCS(0))
	// Output: true
}
