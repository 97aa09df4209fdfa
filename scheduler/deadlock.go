package scheduler

import (
	"bufio"
	"fmt"
	"iter"

	"github.com/heddle-go/heddle/internal/rt"
)

// Deadlocks returns an iterator over the circles of tasks in which each waits for the next, and the
// last for the first. Nothing ends such a wait but a cancellation, or another task that unlocks a
// lock on behalf of its holder. A TaskInfo's Holder is the next task of the circle. Tasks of other
// schedulers may be among them. Deadlocks needs [WithWaits]; without it, it finds none.
//
// Only waits whose Holder is known count. So Deadlocks finds no circle in which a task waits at a
// channel, a select, a WaitGroup or the like; [Scheduler.Dump] says if every task waits and nothing
// inside can wake one.
//
// The tasks go on meanwhile. Deadlocks reports a circle only if all its waits went on at the same
// moment during the call, so what it reports was a deadlock. It may miss a circle that closes
// during the call. It needs memory for each task that holds up another one. Any goroutine or task
// may call it, at any time. It neither parks nor blocks.
func (s *Scheduler) Deadlocks() iter.Seq[[]TaskInfo] {
	s.check()
	return func(yield func([]TaskInfo) bool) {
		now := s.now()
		for circle := range s.circles() {
			infos := make([]TaskInfo, len(circle))
			for i := range circle {
				infos[i] = circle[i].info(now)
			}
			if !yield(infos) {
				return
			}
		}
	}
}

// circles finds the circles of Deadlocks. Each task waits for at most one other task. So each path
// from a task to the task that it waits for, and so on, ends in a circle or at a task that waits
// for no known task. Each walk follows one path until it comes to a task of its own path, which
// closes a circle, or to a task of an earlier walk. A walk notes in walkOf the tasks that it goes on
// to. It does not note its first task, because most waiting tasks hold up no other.
func (s *Scheduler) circles() iter.Seq[[]view] {
	return func(yield func([]view) bool) {
		if s.looks&rt.LookWaits == 0 {
			return
		}
		walkOf := make(map[*rt.Task]int) // the walk that has noted the task
		walk := 0
		var path []view
		for v := range s.views() {
			if v.holder.Task() == nil || walkOf[v.d] != 0 {
				continue
			}
			walk++
			path = append(path[:0], v)
			first := -1 // in path, of the circle
			for h := v.holder; h.Task() != nil; h = path[len(path)-1].holder {
				d := h.Task()
				if d == v.d {
					first = 0
					break
				}
				if by := walkOf[d]; by == walk {
					for first = 0; path[first].d != d; first++ {
					}
					break
				} else if by != 0 {
					break
				}
				walkOf[d] = walk
				next, ok := viewOf(d)
				if !ok || next.gen != h.Gen() {
					break
				}
				path = append(path, next)
			}
			if first < 0 {
				continue
			}
			walkOf[v.d] = walk
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
func lasts(circle []view) bool {
	for i, v := range circle {
		now, ok := viewOf(v.d)
		next := circle[(i+1)%len(circle)]
		if !ok || now.gen != v.gen || now.state != rt.Waiting || now.wait.Seq != v.wait.Seq ||
			now.holder != rt.HandleOf(next.d, next.gen) {
			return false
		}
	}
	return true
}

// printDeadlocks writes a line for each deadlock.
func (s *Scheduler) printDeadlocks(b *bufio.Writer) {
	for circle := range s.circles() {
		b.WriteString("deadlock: ")
		for _, v := range circle {
			fmt.Fprintf(b, "%s -> ", labelOf(rt.HandleOf(v.d, v.gen)))
		}
		fmt.Fprintf(b, "%s\n", labelOf(rt.HandleOf(circle[0].d, circle[0].gen)))
	}
}

// labelOf returns a task's name in quotes, or its address if it has none.
func labelOf(h rt.Handle) string {
	if name := h.Task().Name(h.Gen()); name != "" {
		return fmt.Sprintf("%q", name)
	}
	return fmt.Sprintf("(%p)", h.Task())
}
