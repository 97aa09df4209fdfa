package scheduler_test

import (
	"errors"
	"fmt"
	"log"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A service that gets too many requests refuses some at once, instead of making all of them wait.
func ExampleWithQueueLimit() {
	sched, err := scheduler.New(scheduler.WithWorkers(1), scheduler.WithQueueLimit(1, scheduler.Reject))
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()

	busy, release := make(chan bool), make(chan bool)
	first := sched.Go(func(*task.Ctx) { // holds the only worker
		busy <- true
		<-release
	})
	<-busy
	second := sched.Go(func(*task.Ctx) {}) // waits for it
	third := sched.Go(func(*task.Ctx) {})
	if errors.Is(third.Err(), task.ErrQueueFull) {
		fmt.Println("the third is shed:", third.Err())
	}
	close(release)
	fmt.Println(first.Wait(), second.Wait())
	// Output:
	// the third is shed: task: queue full
	// <nil> <nil>
}
