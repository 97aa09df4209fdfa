package scheduler

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/heddle-go/heddle/internal/preempt"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Stall describes a task that has passed no yield point for a long time, so that no other task can
// use its worker.
type Stall struct {
	Task   task.Task
	Name   string        // the task's name, if it was given one
	Worker int           // index of the worker it holds
	Age    time.Duration // how long the scheduler has seen it run

	// Stack is the stack of the task's goroutine, as a panic prints it, or "" if it could not be
	// read. If the process has more than 1,000 goroutines, Stack may instead have the stacks of all
	// tasks that run, up to 16, after a line that says so: see [WithStallAfter].
	Stack string

	// Queued is how many tasks and forked calls the worker's queues hold. Other workers take them
	// when they have nothing else to do, and the scheduler hands them out after ten quanta, so with
	// several workers there are usually few by now. Behind describes some of these tasks, the next
	// one first.
	Queued int
	Behind []TaskInfo
}

// mostBehind is how many tasks Stall.Behind describes.
const mostBehind = 8

// text returns how logs name the task: by its name, or by its address as Dump does.
func (st Stall) text() string {
	if st.Name != "" {
		return st.Name
	}
	h := rt.Handle(st.Task)
	return fmt.Sprintf("%p", h.Task())
}

// attrs returns what the log says of a stall.
func (st Stall) attrs() []slog.Attr {
	as := []slog.Attr{
		slog.String("task", st.text()), slog.String("state", st.Task.State().String()),
		slog.Duration("age", st.Age), slog.Int("worker", st.Worker), slog.Int("queued", st.Queued),
	}
	if len(st.Behind) > 0 {
		as = append(as, slog.Any("next", st.Behind[0].Task))
	}
	if st.Stack != "" {
		as = append(as, slog.String("stack", st.Stack))
	}
	return as
}

// LogValue implements [slog.LogValuer]: a group of what the warning says.
func (st Stall) LogValue() slog.Value { return slog.GroupValue(st.attrs()...) }

// Stalled implements preempt.Unit.
func (u unit) Stalled(p preempt.Dispatch, age time.Duration) {
	w := u.worker
	d := w.Current.Load()
	if d == nil || d.Flag() != p.Flag || d.Gen() != uint32(p.Life) {
		return // the dispatch has just ended
	}
	t := handleOf(d, d.Gen())
	w.s.stalls.Add(1)
	st := stalled{Stall{Task: t, Name: t.Name(), Worker: w.id, Age: age}, u, p, w.s.now()}
	st.Queued, st.Behind = w.behind()
	if w.s.findStack(&st) {
		w.s.report(st.Stall)
	} // else reportSurveyed reports it
}

// report tells the logger, the Observer and the handler of a stall. sysmon calls it, or Close after
// the end of sysmon.
func (s *Scheduler) report(st Stall) {
	hint := slog.String("hint",
		"it computes without Checkpoint, or is blocked: by a system call, or a native channel or lock")
	s.warn("heddle: a task has passed no yield point and holds its worker", append(st.attrs(), hint)...)
	if l := s.look; l != nil && l.observer != nil {
		s.inHandler(func() { s.observe(func(o Observer) { o.Stall(st) }) })
	}
	if f := s.cfg.onStall; f != nil {
		s.inHandler(func() { f(st) })
	}
}

// behind returns how many tasks and forked calls wait in w's queues, and describes the first
// runnable tasks among them. Any goroutine may call it.
func (w *worker) behind() (n int, first []TaskInfo) {
	now := w.s.now()
	see := func(d *rt.Task) bool {
		if d != nil {
			if v, ok := viewOf(d); ok && v.state == rt.Runnable {
				first = append(first, v.info(now))
			}
		}
		return len(first) < mostBehind
	}
	n = w.runq.Thief().Len() + w.children.Thief().Len() + w.Forks.Thief().Len()
	if w.next.full() {
		n++
		see(w.next.task.Load())
	}
	w.runq.Thief().Look(see)
	w.children.Thief().Look(see)
	return n, first
}
