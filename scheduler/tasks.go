package scheduler

import (
	"iter"
	"log/slog"
	"time"

	"github.com/heddle-go/heddle/internal/prefetch"
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

	// StartedBy is the task that forked this one, if this is a forked call that another worker took.
	// With [WithWaits] it is also the task that started or submitted this one. Otherwise it is the
	// zero Task.
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
	// all. A yield after which the task went on at once, because no other could run, is no dispatch.
	// Blocking calls do not count as running.
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

// Tasks returns an iterator over the tasks that have not ended, in no particular order.
//
// The tasks go on meanwhile. So the iterator may miss a task that starts or ends during the
// iteration, and each TaskInfo is true of its own moment: together they need not be true of any one
// moment. Each task is seen at most once. A step takes 0.1 to 0.2 us of CPU time. The iterator needs
// memory for a list with one entry for every 62 tasks.
//
// The iterator holds no lock during a step of the loop, and between two steps only short ones. On a
// goroutine, the Go runtime gives others a turn after 10 ms. A task that iterates over many others
// should call Checkpoint or Yield in the loop, as in other long loops.
//
// Any goroutine or task may call it, at any time, also after Close. It neither parks nor blocks.
func (s *Scheduler) Tasks() iter.Seq[TaskInfo] {
	s.check()
	return func(yield func(TaskInfo) bool) {
		now := s.now()
		for v := range s.views() {
			if v.ran.Running() {
				now = s.now()
			}
			if !yield(v.info(now)) {
				return
			}
		}
	}
}

// Has reports whether t is a task of s, also if t has ended. Any goroutine or task may call it, at
// any time. It neither parks nor blocks.
func (s *Scheduler) Has(t task.Task) bool {
	s.check()
	h := rt.Handle(t)
	d := h.Task()
	return d != nil && d.Shared() == &s.shared
}

// views returns an iterator over the views of the tasks that have not ended.
func (s *Scheduler) views() iter.Seq[view] {
	return func(yield func(view) bool) {
		for ds := range s.taskPool.Chunks() {
			warm(ds)
			for i := range ds {
				if v, ok := viewOf(&ds[i]); ok && !yield(v) {
					return
				}
			}
		}
	}
}

// warm requests the memory that viewOf reads of the tasks of a chunk. Of a million tasks, nearly
// all of it is in main memory, in half a dozen lines for each task, and viewOf alone would wait for
// one line after the other. With warm the processor fetches those of many tasks at once.
func warm(ds []rt.Task) {
	for i := range ds {
		if f := ds[i].Fib(); f != nil {
			prefetch.Of(&f.Since)
		}
		if x := ds[i].Extra(); x != nil {
			prefetch.Of(x)
			prefetch.Of(&x.Look)
		}
	}
	for i := range ds {
		if x := ds[i].Extra(); x != nil && x.Look != nil {
			prefetch.Of(x.Look)
			prefetch.Of(&x.Look.Runs)
			prefetch.Of(&x.Look.Stacks) // behind the last field that viewOf reads
		}
	}
}

// A view is what a reader has seen of a task at one moment.
type view struct {
	d         *rt.Task
	gen       uint32
	name      string
	state     rt.State
	level     rt.Level
	worker    int           // -1 before the task first runs
	reason    rt.WaitReason // if waiting
	since     uint32        // in milliseconds of now, if timed
	timed     bool
	startedBy rt.Handle
	look      *rt.Look // or nil
	wait      rt.Wait  // if waiting, and look is not nil
	holder    rt.Handle
	runs      uint64 // dispatches, if look is not nil
	ran       rt.RunTime
}

// viewOf reads the task of descriptor d until two readings of its status agree, so that what viewOf
// has read in between belongs together. If the task changes all the time, viewOf returns the last
// reading. ok is false if no task uses d.
func viewOf(d *rt.Task) (v view, ok bool) {
	const tries = 8
	for range tries {
		st := d.Status()
		if !st.InUse() {
			return v, false
		}
		v = view{
			d: d, gen: st.Gen(), name: d.Name(st.Gen()), level: st.Level(),
			state: d.State(), reason: st.WaitReason(), worker: -1,
		}
		f := d.Fib() // nil before the task first runs, and while it runs on its first worker
		if w := d.Worker(); w.Host != nil && (f != nil || v.state != rt.Runnable) {
			v.worker = w.At // otherwise w may be from the task that d served before
		}
		if v.state == rt.Waiting && f != nil {
			v.since, v.timed = f.Since.Load(), true
		}
		if x := d.Extra(); x != nil {
			if x.Stolen { // otherwise the task itself may set Owner meanwhile
				v.startedBy = (*rt.Life)(x.Owner.(*task.Ctx)).Handle()
			}
			if x.Look != nil {
				v.readLook(x.Look)
			}
		}
		if d.Status() == st {
			break
		}
	}
	return v, v.state != rt.Done
}

// readLook reads what the task has noted.
func (v *view) readLook(k *rt.Look) {
	v.look, v.startedBy = k, k.Starter
	v.runs, v.ran = k.Runs.Load()
	if v.state != rt.Waiting {
		return
	}
	if v.wait = k.Wait(); v.wait.At.Holder != nil {
		v.holder = v.wait.At.Holder.Holder()
	}
}

// waited returns how long the task had waited at the time now.
func (v *view) waited(now int64) time.Duration {
	if !v.timed {
		return 0
	}
	ms := int32(uint32(now/int64(time.Millisecond)) - v.since) // mod 2^32
	return time.Duration(max(0, ms)) * time.Millisecond
}

func (v *view) info(now int64) TaskInfo {
	i := TaskInfo{
		Task: handleOf(v.d, v.gen), Name: v.name, State: task.State(v.state), Level: task.Level(v.level),
		Worker: v.worker, Waited: v.waited(now), StartedBy: task.Task(v.startedBy),
	}
	if v.state == rt.Waiting {
		i.WaitsFor = v.reason.String()
	}
	if v.look != nil {
		i.Object, i.Holder = uintptr(v.wait.At.Object), task.Task(v.holder)
		i.Dispatches, i.Ran = v.runs, time.Duration(v.ran.At(now))
		i.StartedAt, i.WaitsAt = Site{v.look.Started}, Site{v.wait.Site}
	}
	return i
}
