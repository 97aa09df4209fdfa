package scheduler

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/heddle-go/heddle/internal/engine"
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

// stallOf returns st as users see it.
func stallOf(st *engine.Stall) Stall {
	s := Stall{
		Task: st.Task, Name: st.Name, Worker: st.Worker, Age: st.Age, Stack: st.Stack, Queued: st.Queued,
	}
	for i := range st.Behind {
		s.Behind = append(s.Behind, infoOf(&st.Behind[i], st.Now))
	}
	return s
}

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
