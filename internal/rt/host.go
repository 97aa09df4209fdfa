package rt

import "context"

// Host is a worker as seen by the task that runs on it. Only that task may call the methods. After
// a method that suspends it, the task may be on another worker.
type Host interface {
	// Yield implements task.Ctx.Yield. The host finds out which task calls, because Ctx.Yield must
	// inline.
	Yield()
	// Poll is the slow path of a checkpoint.
	Poll(d *Task)
	// Park suspends d until the event that k names has happened.
	Park(d *Task, k Park)
	// ParkReady implements task.Ctx.Park, and finds out which task calls.
	ParkReady() error
	// Sleep suspends d until ns nanoseconds have passed or d is cancelled.
	Sleep(d *Task, ns int64)
	// Spawn starts a task on this worker and returns its descriptor and generation. The descriptor
	// is nil if the scheduler is closed.
	Spawn(fn any, x *Extra) (*Task, uint32)
	// SpawnDraft starts the task that x stands for on this worker. It returns false, and does not
	// keep x, if the scheduler is closed, or if each of its tasks needs a descriptor from the start.
	SpawnDraft(x *Draft) bool
	// ParkFor is Park for a wait that ends with life gen of t. If t has not begun, t runs next on
	// this worker.
	ParkFor(d *Task, k Park, t *Task, gen uint32)
	// Local queues d, which the caller has just made runnable, to run next on this worker.
	Local(d *Task)
	// Call calls fn, which may block its thread, on the task's own stack. k is the record of
	// earlier calls of the same function. If Call returns false, it has not called fn, and a
	// goroutine that is not a task has to. After fn, d may be on another worker, even if fn panics
	// or calls Goexit. If fn panics, Call raises the panic again with a *task.PanicError as its
	// value.
	Call(d *Task, fn func(), k *CallKind) bool
	// WakeThief wakes another worker, unless a searching worker will find the frames or all Ps are
	// in use. The task calls it after it has exposed frames.
	WakeThief()
}

// Scheduler is a task's scheduler, as any goroutine may call it.
type Scheduler interface {
	// Inject queues d, which the caller has just made runnable. If the caller runs on a worker of
	// this scheduler, d goes where Local puts it, otherwise into the injector.
	Inject(d *Task)
	// InjectAll is Inject for several tasks.
	InjectAll(ds []*Task)
	// Handles reports whether the caller is a handler of this scheduler. A handler must not wait
	// for tasks, because a worker waits for the handler.
	Handles() bool
	// Admit submits a task from outside and returns its descriptor and generation. It may wait for
	// room in the queue: it parks the calling task, or blocks the calling goroutine. If waitCtx
	// ends first, Admit returns the cause of waitCtx, which may be nil for none. After an error,
	// nothing has been submitted and fn will not be called.
	Admit(waitCtx context.Context, fn any, x *Extra) (*Task, uint32, error)
	// Block hands j to a goroutine that is not a task, at once or when one is free. The caller must
	// be a task.
	Block(j Job)
	// Assist calls f at once on a goroutine that is not a task, outside of the limit on blocking
	// calls. f must end soon after the calling task is cancelled.
	Assist(f func())
	// Launch starts fn as a task on behalf of a timer. It never waits, and no queue limit applies.
	// It does nothing if all tasks have ended and no task can start any more.
	Launch(fn any)
	// Timers returns the scheduler's timers.
	Timers() Timers
	// Waking describes the caller as the waker of a task of this scheduler. by is ByTimer if a
	// timer wakes the task, and otherwise ByUnknown.
	Waking(by Waker) Waking
}

// InjectAll queues tasks that the caller has just made runnable, as Inject of their schedulers
// does.
func InjectAll(ds []*Task) {
	for len(ds) > 0 {
		s, n := ds[0].Shared(), 1
		for n < len(ds) && ds[n].Shared() == s {
			n++
		}
		s.Sched.InjectAll(ds[:n])
		ds = ds[n:]
	}
}

// SchedulerOf returns the Scheduler inside on, a *scheduler.Scheduler, which is a type that rt
// cannot name. ok is false if on has another type. SchedulerOf panics if on is a nil or zero
// scheduler. Package scheduler sets SchedulerOf.
var SchedulerOf = func(on any) (s Scheduler, ok bool) { return nil, false }

// A Runner is a task's function together with its data, in one allocation. Members of groups are
// Runners. The descriptor holds the Runner until Run has returned.
type Runner interface {
	// Run is the task's function. It lets panics out.
	Run(d *Task)
	// Skip is called in place of Run if the task ends without having run. The party that ends the
	// task calls Skip before the end becomes visible. That party is a worker, or the task or
	// goroutine whose submission took this task's place in a full queue.
	Skip(d *Task)
}

// A Job is work that a goroutine does for a task.
type Job interface {
	// Run does the work and wakes the task. If the work panics and the task no longer waits for it,
	// Run returns the panic as stray; otherwise it returns nil. Run does not return if the work
	// calls runtime.Goexit.
	Run() (stray error)
	// The goroutine calls End last, after it has handled stray. From then on the task may end.
	End()
}
