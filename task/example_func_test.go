package task_test

import (
	"fmt"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// A square is a number to square, and where the result goes.
type square struct {
	n    int
	into []int
	left *tsync.WaitGroup
}

var squareIt = task.Define(func(c *task.Ctx, s square) {
	defer s.left.Done()
	s.into[s.n] = s.n * s.n
})

func ExampleFunc() {
	sched, err := scheduler.New()
	if err != nil {
		panic(err)
	}
	defer sched.Close()
	var left tsync.WaitGroup
	squares := make([]int, 5)
	sched.Go(func(c *task.Ctx) {
		for n := range squares {
			left.Add(1)
			if err := squareIt.Go(c, square{n, squares, &left}); err != nil {
				left.Done() // the scheduler is closed, and the task will not run
			}
		}
		left.Wait() // parks this task
	}).Wait()
	fmt.Println(squares)
	// Output: [0 1 4 9 16]
}
