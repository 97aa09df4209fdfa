package look

import (
	"bufio"
	"fmt"
	"iter"

	"github.com/heddle-go/heddle/internal/rt"
)

// Circles returns an iterator over the circles of tasks in which each waits for the next, and the
// last for the first: see Deadlocks of package scheduler. views are the tasks of a scheduler.
//
// Each task waits for at most one other task. So each path from a task to the task that it waits
// for, and so on, ends in a circle or at a task that waits for no known task. Each walk follows one
// path until it comes to a task of its own path, which closes a circle, or to a task of an earlier
// walk. A walk notes in walkOf the tasks that it goes on to. It does not note its first task,
// because most waiting tasks hold up no other.
func Circles(views iter.Seq[View]) iter.Seq[[]View] {
	return func(yield func([]View) bool) {
		walkOf := make(map[*rt.Task]int) // the walk that has noted the task
		walk := 0
		var path []View
		for v := range views {
			if v.Holder.Task() == nil || walkOf[v.Task] != 0 {
				continue
			}
			walk++
			path = append(path[:0], v)
			first := -1 // in path, of the circle
			for h := v.Holder; h.Task() != nil; h = path[len(path)-1].Holder {
				d := h.Task()
				if d == v.Task {
					first = 0
					break
				}
				if by := walkOf[d]; by == walk {
					for first = 0; path[first].Task != d; first++ {
					}
					break
				} else if by != 0 {
					break
				}
				walkOf[d] = walk
				next, ok := Of(d)
				if !ok || next.Gen != h.Gen() {
					break
				}
				path = append(path, next)
			}
			if first < 0 {
				continue
			}
			walkOf[v.Task] = walk
			if circle := path[first:]; lasts(circle) && !yield(circle) {
				return
			}
		}
	}
}

// lasts reads the waits of the circle, which were read one after the other, a second time, and
// reports whether all of them still go on. The first reading of the last wait comes before the
// second reading of the first wait. So if lasts returns true, all waits went on at a moment in
// between. From its first to its second reading no task of the circle has run, so a task that is
// the holder at both readings was the holder all the time.
func lasts(circle []View) bool {
	for i, v := range circle {
		now, ok := Of(v.Task)
		next := circle[(i+1)%len(circle)]
		if !ok || now.Gen != v.Gen || now.State != rt.Waiting || now.Wait.Seq != v.Wait.Seq ||
			now.Holder != rt.HandleOf(next.Task, next.Gen) {
			return false
		}
	}
	return true
}

// printDeadlocks writes a line for each deadlock.
func printDeadlocks(b *bufio.Writer, circles iter.Seq[[]View]) {
	for circle := range circles {
		b.WriteString("deadlock: ")
		for _, v := range circle {
			fmt.Fprintf(b, "%s -> ", labelOf(rt.HandleOf(v.Task, v.Gen)))
		}
		fmt.Fprintf(b, "%s\n", labelOf(rt.HandleOf(circle[0].Task, circle[0].Gen)))
	}
}

// labelOf returns a task's name in quotes, or its address if it has none.
func labelOf(h rt.Handle) string {
	if name := h.Task().Name(h.Gen()); name != "" {
		return fmt.Sprintf("%q", name)
	}
	return fmt.Sprintf("(%p)", h.Task())
}
