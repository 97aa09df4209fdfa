package scheduler_test

import (
	"fmt"
	"log"
	"strings"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// Ten thousand tasks that wait for the same are one line.
func ExampleScheduler_DumpGroups() {
	sched, err := scheduler.New(scheduler.WithWorkers(2))
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()

	var start tsync.Event
	for range 10_000 {
		sched.Go(func(c *task.Ctx) { _ = start.WaitContext(c) }, task.Name("session"))
	}
	var text strings.Builder
	// Wait until all of them wait.
	for !strings.HasPrefix(text.String(), `10000 tasks "session" waiting`) {
		text.Reset()
		if err := sched.DumpGroups(&text); err != nil {
			log.Fatal(err)
		}
	}
	line, _, _ := strings.Cut(text.String(), ",") // leave out how long
	fmt.Println(line)
	// Output: 10000 tasks "session" waiting for event
}
