// Hello starts three tasks, each of which sleeps and then greets, and prints what they say.
//
//	go run ./examples/hello
package main

import (
	"fmt"
	"log"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

func main() {
	sched, err := scheduler.New() // GOMAXPROCS workers
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()

	greetings := tsync.NewChan[string](0)
	parent := sched.Go(func(c *task.Ctx) {
		for i := range 3 {
			c.Go(func(c *task.Ctx) {
				_ = c.Sleep(time.Millisecond) // parks this task: its worker runs the others
				_ = greetings.Send(c, fmt.Sprintf("hello from task %d", i))
			})
		}
		for range 3 {
			text, _, _ := greetings.Recv(c) // parks too
			fmt.Println(text)
		}
	})
	if err := parent.Wait(); err != nil { // blocks main, which is no task
		log.Fatal(err)
	}
}
