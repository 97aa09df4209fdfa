package scheduler_test

import (
	"context"
	"fmt"
	"log"
	"strings"
	"sync/atomic"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

func Example() {
	sched, err := scheduler.New(scheduler.WithWorkers(2))
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()

	var sum atomic.Int64
	for i := range 100 {
		sched.Go(func(c *task.Ctx) { sum.Add(int64(i)) })
	}
	if err := sched.Wait(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(sum.Load())
	// Output: 4950
}

func ExampleNew_badOption() {
	_, err := scheduler.New(scheduler.WithWorkers(0))
	fmt.Println(err)
	// Output: scheduler: WithWorkers(0): want 1 to 1024
}

// While the scheduler is paused, what tasks share can be looked at as it is.
func ExampleScheduler_Pause() {
	sched, err := scheduler.New(scheduler.WithWorkers(2))
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()

	a, b := 50, 50
	t := sched.Go(func(c *task.Ctx) {
		for !c.Cancelled() { // a yield point, where the accounts balance
			a--
			b++
		}
	})
	if err := sched.Pause(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(a + b)
	sched.Resume()
	t.Cancel()
	fmt.Println(t.Wait())
	// Output:
	// 100
	// context canceled
}

func ExampleScheduler_Resize() {
	sched, err := scheduler.New(scheduler.WithWorkers(1))
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()

	fmt.Println(sched.Resize(4), sched.Workers())
	fmt.Println(sched.Resize(0))
	// Output:
	// <nil> 4
	// scheduler: Resize(0): want 1 to 1024
}

// Two tasks that wait for each other.
func ExampleScheduler_Dump() {
	sched, err := scheduler.New(scheduler.WithWorkers(1))
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()

	sched.Go(func(c *task.Ctx) {
		me := c.Task()
		other := c.Go(func(c *task.Ctx) { _ = me.WaitContext(c) }, task.Name("child"))
		_ = other.WaitContext(c)
	}, task.Name("parent"))

	const deadlock = "every task waits"
	var text strings.Builder
	for !strings.Contains(text.String(), deadlock) { // until they have come to that
		text.Reset()
		if err := sched.Dump(&text); err != nil {
			log.Fatal(err)
		}
	}
	for line := range strings.Lines(text.String()) {
		if before, after, ok := strings.Cut(line, " (0x"); ok { // leave out what differs
			_, after, _ = strings.Cut(after, ")")
			line, _, _ = strings.Cut(before+after, ",")
		} else if strings.Contains(line, "workers") {
			continue
		}
		fmt.Println(strings.TrimSpace(line))
	}
	// Unordered output:
	// task "parent": waiting for join
	// task "child": waiting for join
	// every task waits, no timer is pending and no blocking call under way: only something outside can wake one
}
