package scheduler_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A delayed task can be waited for, like any other, and taken back.
func ExampleScheduler_GoAfter() {
	sched, err := scheduler.New()
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()

	hello := sched.GoAfter(time.Millisecond, func(*task.Ctx) { fmt.Println("hello") })
	never := sched.GoAfter(time.Hour, func(*task.Ctx) { fmt.Println("never") })
	fmt.Println(hello.Wait())
	fmt.Println(never.State())
	never.Cancel()
	fmt.Println(never.Wait())
	// Output:
	// hello
	// <nil>
	// waiting
	// context canceled
}

// A periodic task runs until it is cancelled, here by itself.
func ExampleScheduler_GoEvery() {
	sched, err := scheduler.New()
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()

	n := 0
	t := sched.GoEvery(time.Millisecond, func(c *task.Ctx) {
		n++
		fmt.Println("run", n)
		if n == 3 {
			c.Cancel()
		}
	})
	fmt.Println(t.Wait())
	// Output:
	// run 1
	// run 2
	// run 3
	// context canceled
}

// stoppedClock is a clock that the test turns by hand.
type stoppedClock struct {
	now  time.Time
	fire func()
}

func (c *stoppedClock) Now() time.Time { return c.now }

func (c *stoppedClock) Alarm(fire func()) (set func(at time.Time)) {
	c.fire = fire
	// The time is not used: the clock calls fire at each turn, whether a timer is due or not.
	return func(time.Time) {}
}

// An hour passes at once. (A clock for more than one goroutine needs a lock.)
func ExampleWithClock() {
	clock := &stoppedClock{now: time.Date(2009, time.November, 10, 23, 0, 0, 0, time.UTC)}
	sched, err := scheduler.New(scheduler.WithClock(clock))
	if err != nil {
		log.Fatal(err)
	}
	sched.GoAfter(time.Hour, func(*task.Ctx) { fmt.Println("it is", clock.Now().Format(time.TimeOnly)) })
	clock.now = clock.now.Add(time.Hour)
	clock.fire()
	fmt.Println(sched.Shutdown(context.Background()))
	// Output:
	// it is 00:00:00
	// <nil>
}
