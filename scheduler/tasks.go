package scheduler

import (
	"io"
	"iter"
	"runtime"

	"github.com/heddle-go/heddle/internal/look"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Tasks returns an iterator over the tasks that have not ended, in no particular order.
//
// The tasks go on meanwhile. So the iterator may miss a task that starts or ends during the
// iteration, and each TaskInfo is true of its own moment: together they need not be true of any one
// moment. Each task is seen at most once. A step takes 0.1 to 0.2 us of CPU time. The iterator
// needs memory for a list with one entry for every 62 tasks.
//
// The iterator holds no lock during a step of the loop, and between two steps only short ones. On a
// goroutine, the Go runtime gives others a turn after 10 ms. A task that iterates over many others
// should call Checkpoint or Yield in the loop, as in other long loops.
//
// Any goroutine or task may call it, at any time, also after Close. It neither parks nor blocks.
func (s *Scheduler) Tasks() iter.Seq[TaskInfo] {
	r := s.reader()
	return func(yield func(TaskInfo) bool) {
		now := r.Now()
		for v := range r.Views() {
			if v.Ran.Running() {
				now = r.Now()
			}
			if !yield(infoOf(&v, now)) {
				return
			}
		}
	}
}

// Has reports whether t is a task of s, also if t has ended. Any goroutine or task may call it, at
// any time. It neither parks nor blocks.
func (s *Scheduler) Has(t task.Task) bool {
	h := rt.Handle(t)
	return s.reader().Has(h.Task())
}

// Stacks returns where in the program task t was started or submitted, and if it waits, where. A
// stack begins with the innermost function that is not in this library, and ends at the function
// of the task that starts t, or of t. Of a deep stack, the outer frames are left out: it has up to
// 32 frames, those of this library included.
//
// Stacks needs [WithSites]. started is empty without it, if t has ended or is of another scheduler,
// and for a forked call. waits is also empty if t does not wait. Any goroutine or task may call
// Stacks, at any time. It neither parks nor blocks.
func (s *Scheduler) Stacks(t task.Task) (started, waits []runtime.Frame) {
	if !s.Has(t) {
		return nil, nil
	}
	return look.StacksOf(rt.Handle(t))
}

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
	r := s.reader()
	return func(yield func([]TaskInfo) bool) {
		now := r.Now()
		for circle := range r.Circles() {
			infos := make([]TaskInfo, len(circle))
			for i := range circle {
				infos[i] = infoOf(&circle[i], now)
			}
			if !yield(infos) {
				return
			}
		}
	}
}

// Dump writes a line for each task that has not ended, for people to read: its name if it has one,
// its address, its state, and if it waits, for what and how long, to within about 10 ms. A summary
// follows. If every task waits, no timer is pending and no blocking call is under way, Dump says
// so. Then only something outside of the scheduler can wake a task, and if nothing does, that is a
// deadlock.
//
// The tasks go on meanwhile, so each line is true of its own moment during the call. Any goroutine
// or task may call Dump at any time. It blocks the calling goroutine as long as w does, and returns
// the error of w, if there is one. Programs get the same from [Scheduler.Tasks]. For very many
// tasks use [Scheduler.DumpGroups].
func (s *Scheduler) Dump(w io.Writer) error { return look.Dump(w, s.reader()) }

// DumpGroups is [Scheduler.Dump] with one line for each group of tasks. The tasks of a group have
// the same name, state and level, and wait for the same. A line says how many tasks the group has,
// and the shortest and the longest time that they have waited. The largest group comes first.
func (s *Scheduler) DumpGroups(w io.Writer) error { return look.DumpGroups(w, s.reader()) }
