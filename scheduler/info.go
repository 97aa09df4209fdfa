package scheduler

import (
	"log/slog"
	"runtime"
	"time"

	"github.com/heddle-go/heddle/internal/look"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// A TaskInfo describes a task as [Scheduler.Tasks] saw it at one moment.
type TaskInfo struct {
	Task  task.Task  // the handle, also the identity: handles can be compared
	Name  string     // what the option [task.Name] gave it, or ""
	State task.State // never task.Done
	Level task.Level

	// Worker is the index of the worker that runs the task, or ran it last. It is -1 before the
	// task first runs.
	Worker int

	// WaitsFor says what a Waiting task waits for, in the words of Dump: "chan receive", "mutex",
	// "sleep". It is "" in other states.
	WaitsFor string

	// Waited is how long a Waiting task has waited, to within about 10 ms. It is 0 in other states.
	Waited time.Duration

	// StartedBy is the task that forked this one, if this is a forked call that another worker
	// took. With [WithWaits] it is also the task that started or submitted this one. Otherwise it
	// is the zero Task.
	StartedBy task.Task

	// Object is the address of the channel, lock or other object at which a Waiting task waits. Two
	// tasks wait at the same object if and only if the addresses are the same. It is 0 if the task
	// waits at no single object, as in a select or a sleep.
	//
	// Object and the fields below are only set with [WithWaits].
	Object uintptr
	// Holder is the task that has to act before this Waiting task can go on: the task that holds
	// the lock, or whose end this task awaits. Holder is the zero Task if that task is not known,
	// or if a goroutine has to act.
	//
	// It is known for Task.Wait, futures that a task makes, forked calls, and the locks of package
	// tsync: Mutex and KeyedMutex; RWMutex, if a writer or a single reader holds it; Semaphore, if
	// one call of Acquire holds all units in use.
	Holder task.Task
	// Dispatches is how often the task was put on a worker, and Ran how long it has run there in
	// all. A yield after which the task went on at once, because no other could run, is no
	// dispatch. Blocking calls do not count as running.
	Dispatches uint64
	Ran        time.Duration
	// StartedAt and WaitsAt are the places in the program where the task was started or submitted,
	// and where a Waiting task waits. They are only known with [WithSites]. [Scheduler.Stacks] has
	// the functions that called them, too.
	StartedAt, WaitsAt Site
}

// LogValue implements [slog.LogValuer]: a group of what is known of the task.
func (i TaskInfo) LogValue() slog.Value {
	as := []slog.Attr{
		slog.Any("task", i.Task), slog.String("state", i.State.String()), slog.String("level", i.Level.String()),
		slog.Int("worker", i.Worker),
	}
	if i.State == task.Waiting {
		as = append(as, slog.String("waits_for", i.WaitsFor), slog.Duration("waited", i.Waited))
	}
	if i.StartedBy != (task.Task{}) {
		as = append(as, slog.Any("started_by", i.StartedBy))
	}
	if i.Dispatches > 0 {
		as = append(as, slog.Uint64("dispatches", i.Dispatches), slog.Duration("ran", i.Ran))
	}
	return slog.GroupValue(as...)
}

// infoOf returns v as users see it at the time now.
func infoOf(v *look.View, now int64) TaskInfo {
	i := TaskInfo{
		Task: task.Task(rt.HandleOf(v.Task, v.Gen)), Name: v.Name, State: task.State(v.State), Level: task.Level(v.Level),
		Worker: v.Worker, Waited: v.Waited(now), StartedBy: task.Task(v.StartedBy),
	}
	if v.State == rt.Waiting {
		i.WaitsFor = v.Reason.String()
	}
	if v.Look != nil {
		i.Object, i.Holder = uintptr(v.Wait.At.Object), task.Task(v.Holder)
		i.Dispatches, i.Ran = v.Runs, time.Duration(v.Ran.At(now))
		i.StartedAt, i.WaitsAt = Site{v.Look.Started}, Site{v.Wait.Site}
	}
	return i
}

// A Site is a place in the program, in the code that uses this module. The zero Site is unknown.
type Site struct{ pc uintptr }

// Frame returns the function, file and line. The fields are zero if the site is unknown.
func (p Site) Frame() runtime.Frame { return look.Frame(p.pc) }
