// Package iterpull pulls sequences where that is wrong, and where it is right.
package iterpull

import (
	"iter"
	"maps"
	"slices"

	"github.com/heddle-go/heddle/task"
)

func inATask(c *task.Ctx) {
	next, stop := iter.Pull(slices.Values([]int{1, 2})) // want `iter.Pull in a task.*use task.Pull$`
	defer stop()
	next()
	next2, stop2 := iter.Pull2(maps.All(map[int]int{1: 2})) // want `iter.Pull2 in a task.*use task.Pull2$`
	defer stop2()
	next2()
}

func inALiteral(on task.Starter, seq iter.Seq[int]) {
	on.Go(func(*task.Ctx) {
		_, stop := iter.Pull[int](seq) // want `iter.Pull in a task`
		stop()
	})
}

func right(c *task.Ctx, seq iter.Seq[int]) {
	_, stop := task.Pull(c, seq)
	stop()
	go func() {
		_, stop := iter.Pull(seq)
		stop()
	}()
}

func noTask(seq iter.Seq[int]) {
	_, stop := iter.Pull(seq)
	stop()
}
