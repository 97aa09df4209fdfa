// Package rt holds what package task and package engine share: the task descriptor and its state
// machine, the waiters of a task, and two small interfaces. Through Host a task talks to the worker
// that it runs on, through Scheduler any caller talks to the scheduler that the task belongs to.
//
// Nothing here decides which task runs next. Only a few methods park the calling task, and their
// comments say so.
package rt

import (
	"fmt"
	"unsafe"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/fiber"
	"github.com/heddle-go/heddle/internal/preempt"
)

// Task is a task's descriptor. Users see a task as a task.Ctx, which is a [Life].
//
// A descriptor is exactly one cache line, because the lines that a switch touches make up most of
// its cost once the tasks have fallen out of the caches (BenchmarkYield/tasks=10000). A million
// queued tasks also need little more memory than their closures.
//
// Descriptors are pooled and serve one task after the other. Each life has its own generation.
// Other parties refer to a task by the descriptor's address and the generation.
type Task struct {
	flag   preempt.Flag   // the task polls it, sysmon marks it; task.Ctx.Checkpoint needs it first
	status atomicx.Uint64 // see status.go

	// fn belongs to the owner of the task: the spawner until the task is queued, then the worker
	// that takes it from the queue. Queueing orders memory.
	//
	// It is a func(*task.Ctx), kept as any because rt does not know task.Ctx, or a Runner, or a
	// *Frame. It is nil once a func(*task.Ctx) has been called.
	fn any
	// fib is the fiber that the task sleeps on, or nil if the task has not started. The task's
	// owner writes it. Any worker may read it to prefetch the fiber's cache lines.
	fib atomicx.Relaxed[fiber.Fiber]

	// worker is the worker that the task runs on or ran on last. Before the descriptor's first run
	// it is a placeholder without a Host; see Init. The worker that runs the task writes it; any
	// goroutine may read it.
	worker atomicx.Relaxed[Worker]

	_ [6 * (8 - unsafe.Sizeof(uintptr(0)))]byte // fills the line on a 32-bit machine

	waiters atomicx.Pointer[Waiter] // those that wait for the task's end; see waiter.go
	extra   atomicx.Pointer[Extra]  // state that only few tasks need; see extra.go
}

// Status reads the status word.
func (d *Task) Status() Status { return Status(d.status.Load()) }

// Ranked reports whether the task has the high or the low level. Then it belongs in the injector,
// even if a worker queues it.
func (d *Task) Ranked() bool { return d.status.Load()&flagLevel != 0 }

// Gen returns the generation of the present life.
func (d *Task) Gen() uint32 { return d.Status().gen() }

// Worker returns the worker that the task runs on or ran on last.
func (d *Task) Worker() *Worker { return d.worker.Load() }

// Shared returns the part of the scheduler that all of its tasks know.
func (d *Task) Shared() *Shared { return d.worker.Load().Shared }

// Init prepares a new descriptor. placeholder is a Worker that runs nothing and carries the
// scheduler's Shared.
func (d *Task) Init(placeholder *Worker) { d.worker.Store(placeholder) }

// State returns what the task is doing. A task that is neither waiting nor done is Running if its
// worker names it as the current task, otherwise Runnable.
func (d *Task) State() State {
	s := d.Status()
	if s.state() != stActive {
		return s.State()
	}
	if d.running() {
		return Running
	}
	return Runnable
}

func (d *Task) running() bool { return d.worker.Load().Current.Load() == d }

// Fn returns the task's function in one of the forms that the field fn lists. Only the task's owner
// may call it.
func (d *Task) Fn() any { return d.fn }

// SetFn sets the task's function. Only the task's owner may call it.
func (d *Task) SetFn(fn any) { d.fn = fn }

// Fib returns the fiber that the task sleeps on, or nil if the task has not started.
func (d *Task) Fib() *fiber.Fiber { return d.fib.Load() }

// SetFib sets the fiber that the task will sleep on. The task calls it before it leaves its worker.
func (d *Task) SetFib(f *fiber.Fiber) { d.fib.Store(f) }

// Flag returns the flag that the task polls and sysmon marks.
func (d *Task) Flag() *preempt.Flag { return &d.flag }

// Checkpoint is task.Ctx.Checkpoint for the task d. It must inline.
func (d *Task) Checkpoint() {
	if d.flag.Poll() {
		Checkpoint()
	}
}

// Checkpoint is the slow path of a checkpoint of the caller, which may be any goroutine. It takes
// no argument, because otherwise task.Ctx.Checkpoint would not inline.
//
//go:noinline
func Checkpoint() {
	if d := Current(); d != nil {
		d.Host().Poll(d)
	}
}

// Poll polls the task's flag; see [preempt.Flag.Poll].
func (d *Task) Poll() bool { return d.flag.Poll() }

// Disturbed reports whether the task was cancelled or may have been asked to yield. It costs two
// loads of one cache line. Only the running task may call it.
func (d *Task) Disturbed() bool { return d.flag.Marked() || d.status.Load()&flagCancelled != 0 }

// Host returns the worker that the task runs on. It panics if the task is not running.
func (d *Task) Host() Host {
	w := d.worker.Load()
	if w.Current.Load() != d {
		d.misused()
	}
	return w.Host
}

//go:noinline
func (d *Task) misused() {
	panic(fmt.Sprintf("task: a Ctx was used for what only its own task can do, while that task is %v: by another goroutine, another task, "+
		"a function of Blocking, or after the task's end. Each task uses the c that its own function was given", d.State()))
}

// Start begins a life: Free -> Active. The caller owns the descriptor.
func (d *Task) Start(fn any, x *Extra) { d.start(fn, x, 0) }

// start is Start, and also sets the flags in normal if the task is of the normal level. It sets
// them by the same store that makes the task Active, because after that store a timer may cancel
// the task and change the word.
func (d *Task) start(fn any, x *Extra, normal uint64) {
	d.fn = fn
	// A party that came too late for the last life may have left an extension.
	if x != nil || d.extra.Load() != nil {
		d.extra.Store(x)
	}
	s := d.status.Load()&genMask | stActive
	if x != nil {
		s |= uint64(x.Level) << levelShift
		if x.Name != "" || x.KeepsValues() {
			// The descriptor serves no other task: handles show the name after the task's end, and
			// Life explains why a Ctx with a context needs this.
			s |= flagEscaped
		}
	}
	if s&flagLevel == 0 {
		s |= normal
	}
	d.status.Store(s)
	if x != nil && x.Deadline != nil {
		x.Deadline.begin(d)
	}
}

// Run puts the task on w. The worker that took the task from a queue calls it.
func (d *Task) Run(w *Worker) {
	w.Dispatch.Store(w.Dispatch.Load() + 1)
	d.worker.Store(w)
	w.SetCurrent(d)
}

// escape sets the flag that keeps the descriptor from serving another task. It returns false if
// life gen has ended.
func (d *Task) escape(gen uint32) bool {
	for {
		s := d.status.Load()
		if !Status(s).Live(gen) {
			return false
		}
		if s&flagEscaped != 0 || d.status.CompareAndSwap(s, s|flagEscaped) {
			return true
		}
	}
}

// Name returns the name of life gen, or "".
func (d *Task) Name(gen uint32) string {
	x := d.Extra()
	if x == nil || d.Status().gen() != gen {
		return ""
	}
	return x.Name
}
