// Package rt is the ground that package task and package scheduler share: the
// task descriptor and its state machine, the waiters of a task, and the two
// small interfaces through which a task talks to the worker it runs on and to the
// scheduler it belongs to.
//
// Nothing here decides what runs next, and nothing here blocks.
package rt

import (
	"context"
	"fmt"
	"sync"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/deque"
	"github.com/heddle-go/heddle/internal/fiber"
	"github.com/heddle-go/heddle/internal/preempt"
)

// Task is a task's descriptor. Package task gives it to users as task.Ctx, a
// type with the same layout. It is one cache line: a switch between tasks that
// have fallen out of the caches costs little but the lines it touches
// (BenchmarkYield/tasks=10000), and a million queued tasks are to fit in little more than
// their closures take.
//
// Descriptors are pooled. A life of a descriptor is one generation; all that others
// hold of it is a pointer and a generation.
type Task struct {
	status atomicx.Uint64 // see status.go
	flag   preempt.Flag   // polled by the task, marked by sysmon

	// Owned with the task: by the spawner until it is queued, then by
	// whoever takes it from the queue. Handing over orders memory.
	//
	// fn is a func(*task.Ctx), kept as any since rt does not know Ctx, and nil once that has been called; a Runner; or a *Frame.
	fn any
	// fib is where the task sleeps; nil if it has not started. Others may look, to
	// prefetch.
	fib atomicx.Relaxed[fiber.Fiber]

	// worker is the worker the task runs on, or ran on last; before, the scheduler's
	// Nobody. Written by that worker, read by anybody.
	worker atomicx.Relaxed[Worker]

	waiters atomicx.Pointer[Waiter] // who waits for the end; see waiter.go
	extra   atomicx.Pointer[Extra]  // what few tasks have; see ext.go
}

// Shared is the part of a scheduler that all of its tasks see.
type Shared struct {
	Sched Scheduler
	// Pinned says whether workers are locked to their threads while they run tasks.
	Pinned bool
	// Workers is how many workers the scheduler has. Written by the scheduler.
	Workers atomicx.Int64
	// ReadyGoroutines counts goroutines outside of the scheduler that were made ready by a
	// worker and have not run yet. Workers let the Go scheduler in while it
	// is positive. Added to by workers, subtracted from by those goroutines.
	ReadyGoroutines atomicx.Int64
	// Waiters pools the waiters of goroutines. Their channels must not get from one
	// synctest bubble into another, and a scheduler does not either.
	Waiters sync.Pool
}

// Worker is the part of a worker that its tasks, and those who have a handle of
// one, see.
type Worker struct {
	Host   Host
	Shared *Shared

	// Index tells workers of all schedulers of the process apart. It is small, and
	// used again when the worker has ended.
	Index int
	// At is the worker's index in its scheduler.
	At int

	// Forks holds the frames that tasks forked on this worker.
	Forks deque.Owner[Frame]

	// Spares are runners that have run and can be used again, for the tasks that run on this worker; see Spare. The
	// running task's own.
	spares  []Runner
	keepers []Keeper // see Trims. The running task's own
	joins   *Waiter  // free waiters of the tasks that run on this worker, linked by next; see NewWaiter. The running task's own
	njoins  int

	// Current is the task that the worker runs, or ran last, or nil. Written
	// by the worker, at each dispatch.
	Current atomicx.Relaxed[Task]
	// Fib is the fiber that runs. Written by the worker, or what runs on it, before each switch; see IsCurrent.
	Fib atomicx.Relaxed[fiber.Fiber]
	// Dispatch counts dispatches; a preempt mark names one. Written by the worker.
	Dispatch atomicx.RelaxedUint32
}

// Host is a worker, as the task that runs on it sees it. Only that task may
// call its methods, and after those that suspend it may find itself on another
// worker.
type Host interface {
	Yield(d *Task)
	// Poll is the slow path of a checkpoint.
	Poll(d *Task)
	// Park suspends d until the event of its kind has happened.
	Park(d *Task, k Park)
	// ParkReady is the whole of task.Ctx.Park.
	ParkReady(d *Task) error
	// Sleep suspends d until the duration has passed or d is cancelled.
	Sleep(d *Task, ns int64)
	// Spawn starts a task on this worker and returns its descriptor and its
	// generation; the descriptor is nil if the scheduler is closed.
	Spawn(fn any, x *Extra) (*Task, uint32)
	// ParkFor is Park for a wait that the end of life gen of t will end. If t has not begun, it runs next on this worker.
	ParkFor(d *Task, k Park, t *Task, gen uint32)
	// Local queues d, which the caller has just made runnable, to run next here.
	Local(d *Task)
	// Call calls fn, which may block its thread, on the task's own stack; k is what is known of it. It reports false, and has not called fn, if the call
	// has to be made elsewhere. d comes back on another worker maybe, also in the middle of a panic or Goexit of fn; a panic's value is a
	// *task.PanicError then.
	Call(d *Task, fn func(), k *CallKind) bool
	// Hungry is told that the worker has exposed frames.
	Hungry()
}

// Scheduler is the scheduler of a task, as anyone may call it.
type Scheduler interface {
	// Inject queues d, which the caller has just made runnable: as Local does if the caller runs on
	// a worker of this scheduler, else in the queue for what comes from outside.
	Inject(d *Task)
	// Handles reports whether the caller is a handler of this scheduler, which must not wait for tasks, because a worker waits for it.
	Handles() bool
	// Admit submits a task from outside and returns its descriptor and its generation. It may wait for
	// room in the queue, parking the task or blocking the goroutine that by belongs to; when by ends first, it returns the
	// cause. by may be nil. With an error, nothing has been submitted, and fn will not be called.
	Admit(by context.Context, fn any, x *Extra) (*Task, uint32, error)
	// Block has a goroutine that is no task run j, at once or when one is free. The caller is a task.
	Block(j Job)
	// Assist calls f on a goroutine that is no task, now, whatever the limit on others; f ends soon when the task that calls is cancelled.
	Assist(f func())
	// Timers returns the scheduler's timers.
	Timers() Timers
}

// SchedulerOf returns what users know as on, if that is a scheduler. It panics if on is a nil or zero one. Package scheduler sets it.
var SchedulerOf = func(on any) (s Scheduler, ok bool) { return nil, false }

// A Runner is a task's function together with what it needs, as one allocation: the members of groups, for instance. It
// stays in the descriptor until the function has returned.
type Runner interface {
	// Run is the function. A panic is let out.
	Run(d *Task)
	// Skip is called instead if the task ends without having run, before its end is known, by who ends it: a worker, or a
	// goroutine whose submission has taken the task's place in the queue.
	Skip(d *Task)
}

// A Job is what a task has a goroutine do for it.
type Job interface {
	// Run does it and wakes the task. It returns a panic for which the task has not waited, or nil; it does not
	// return if the job calls runtime.Goexit.
	Run() (stray error)
	// End is called last, after the panic has been handled: from here on the task may end.
	End()
}

// maxSpares bounds what a worker keeps: 16 KB of pointers.
const maxSpares = 1024

// Spare returns what Keep has kept, or nil. Only the running task may call it.
func (w *Worker) Spare() Runner {
	n := len(w.spares) - 1
	if n < 0 {
		return nil
	}
	r := w.spares[n]
	w.spares[n] = nil
	w.spares = w.spares[:n]
	return r
}

// Keep keeps r for Spare, or reports false if there are enough. Only the running task may call it.
func (w *Worker) Keep(r Runner) bool {
	if len(w.spares) == maxSpares {
		return false
	}
	w.spares = append(w.spares, r)
	return true
}

// A Keeper keeps things for the tasks of one worker.
type Keeper interface {
	// Forget gives all of it to the garbage collector. Called on the worker, between two tasks.
	Forget()
}

// Trims has k forget what it keeps when the worker gives memory back. Only the running task may call it; k has to call it again
// when it keeps something anew.
func (w *Worker) Trims(k Keeper) { w.keepers = append(w.keepers, k) }

// Forget drops what Keep has kept, and what the Keepers have. Called by the worker, between two tasks.
func (w *Worker) Forget() {
	w.spares = nil
	w.joins, w.njoins = nil, 0
	for _, k := range w.keepers {
		k.Forget()
	}
	w.keepers = nil
}

// Keeps reports whether Forget has more than a little to drop.
func (w *Worker) Keeps() bool { return len(w.spares) > maxSpares/16 || len(w.keepers) > 0 }

// Status reads the status word.
func (d *Task) Status() Status { return Status(d.status.Load()) }

// Gen returns the generation of the present life.
func (d *Task) Gen() uint32 { return d.Status().gen() }

// Worker returns the worker that the task runs on or ran on last.
func (d *Task) Worker() *Worker { return d.worker.Load() }

// Shared returns the shared part of the task's scheduler.
func (d *Task) Shared() *Shared { return d.worker.Load().Shared }

// Init prepares a new descriptor.
func (d *Task) Init(nobody *Worker) { d.worker.Store(nobody) }

// State returns what the task is doing. A task that is neither waiting nor done is
// running if its worker says so.
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

// Fn returns the function of the task, and SetFn sets it: see the field.
func (d *Task) Fn() any { return d.fn }

// SetFn is for the task's owner.
func (d *Task) SetFn(fn any) { d.fn = fn }

// Fib returns the fiber on which the task sleeps, or nil if it has not started.
func (d *Task) Fib() *fiber.Fiber { return d.fib.Load() }

// SetFib is called by the task before it leaves its worker.
func (d *Task) SetFib(f *fiber.Fiber) { d.fib.Store(f) }

// Flag is what the task polls, and sysmon marks.
func (d *Task) Flag() *preempt.Flag { return &d.flag }

// Checkpoint is task.Ctx's. It must inline, and so must what calls it.
func (d *Task) Checkpoint() {
	if d.flag.Poll() {
		d.checkpoint()
	}
}

//go:noinline
func (d *Task) checkpoint() {
	if !d.IsCurrent() {
		if d = Current(); d == nil {
			return
		}
	}
	d.Host().Poll(d)
}

// Poll is Flag().Poll().
func (d *Task) Poll() bool { return d.flag.Poll() }

// Disturbed reports whether the task was cancelled, or may have been asked to give way. Two loads of one cache line.
// Only the running task may call it.
func (d *Task) Disturbed() bool { return d.flag.Marked() || d.status.Load()&flagCancelled != 0 }

// Host returns the worker that the task runs on. It panics if the task does not run.
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

// start is Start for a word that also has the flags normal, if the level is the normal one. They come by the same store, because from then on a
// timer may cancel the task.
func (d *Task) start(fn any, x *Extra, normal uint64) {
	d.fn = fn
	if x != nil || d.extra.Load() != nil { // left by who came too late for the last life
		d.extra.Store(x)
	}
	s := d.status.Load()&genMask | stActive
	if x != nil {
		s |= uint64(x.Level) << levelShift
		if x.Name != "" || x.HasContext() {
			// Keeps the descriptor for this life: handles show the name after its end, and see Escape.
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

// Run puts the task on w. Called by the worker that took it from a queue.
func (d *Task) Run(w *Worker) {
	d.worker.Store(w)
	w.Dispatch.Store(w.Dispatch.Load() + 1)
	w.Current.Store(d)
}

// Park says what ends a wait, and what it is for: see Why.Park.
type Park uint64

// The kinds of park.
const (
	// ForReady waits for Ready; Cancel ends it too.
	ForReady Park = 0
	// ForWake waits for Wake; Cancel ends it too.
	ForWake Park = flagInternal
	// ForWakeOnly waits for Wake and nothing else.
	ForWakeOnly Park = flagInternal | flagHard
)

func (k Park) token() uint64 {
	if k&flagInternal != 0 {
		return flagWoken
	}
	return flagToken
}

// TakeToken takes the token of a Ready that no park has taken, and reports whether there was one. Only the running
// task may call it.
func (d *Task) TakeToken() bool { return d.take(flagToken) }

func (d *Task) take(flag uint64) bool {
	for {
		s := d.status.Load()
		if s&flag == 0 {
			return false
		}
		if d.status.CompareAndSwap(s, s&^flag) {
			return true
		}
	}
}

// Woken reports whether a Wake has ended the park ForWake or ForWakeOnly from which the running task, the only one that
// may call it, has just returned. If not, that was Cancel, and the Wake may still be on its way.
//
// The Wake that finds its task Waiting, which is the usual case, leaves no token: it clears flagInternal, which
// CommitPark has set and Cancel leaves alone. So to be woken costs no atomic operation but the waker's.
func (d *Task) Woken() bool {
	if d.status.Load()&(flagWoken|flagInternal) == 0 {
		return true
	}
	return d.take(flagWoken)
}

// CommitPark makes a task that has left its stack wait, or reports false: the
// event came first, the task is Runnable and the caller has to queue it. Called
// by the task's successor, as the first thing after the switch.
//
// This is the one place where a wake-up could be lost. The two sides:
//
//	successor                          waker (Ready, Wake, Cancel)
//	S1 the task has left its stack     W1 load the word
//	S2 CAS Active -> Waiting, only if  W2a Waiting for this: CAS -> Active,
//	   the event's flag is not set         then queue the task
//	S3 else queue the task             W2b else: CAS the event's flag in
//
// Both sides change the same word by CAS, so one of them is first. If S2 is, W2a
// sees Waiting and queues, exactly once, since only one CAS from Waiting succeeds. If
// W2b is, S2 fails and S3 queues. Nobody queues the task before S1, since only
// S2 makes it Waiting and only the successor runs S3.
//
// If it is Cancel that came first, S3 sets flagInternal, as Woken wants it.
func (d *Task) CommitPark(k Park) bool {
	for {
		s := d.status.Load()
		if s&k.token() != 0 || s&flagCancelled != 0 && k&flagHard == 0 {
			n := s | uint64(k)&flagInternal
			if k&flagInternal == 0 {
				n = s &^ flagToken
			}
			if n != s && !d.status.CompareAndSwap(s, n) {
				continue
			}
			return false
		}
		if d.status.CompareAndSwap(s, s&^uint64(flagInternal|flagHard|whyMask)|uint64(k)-stActive+stWaiting) {
			return true
		}
	}
}

// Ready gives the token of [ForReady] to life gen. It reports whether the caller
// made the task runnable and so has to queue it.
func (d *Task) Ready(gen uint32) (queue bool) {
	for {
		s := d.status.Load()
		if !Status(s).Live(gen) || s&flagToken != 0 {
			return false
		}
		if s&(stateMask|flagInternal) == stWaiting {
			if d.status.CompareAndSwap(s, s-stWaiting+stActive) {
				return true
			}
		} else if d.status.CompareAndSwap(s, s|flagToken) {
			return false
		}
	}
}

// Wake is the event of [ForWake]. The caller has made sure, by a claim of its own,
// that it is the only one for this wait; the task can therefore not end meanwhile.
// It reports whether the caller has to queue the task.
func (d *Task) Wake() (queue bool) {
	for {
		s := d.status.Load()
		if s&(stateMask|flagInternal) == stWaiting|flagInternal {
			if d.status.CompareAndSwap(s, s-stWaiting+stActive-flagInternal) {
				return true
			}
		} else if d.status.CompareAndSwap(s, s|flagWoken) {
			return false
		}
	}
}

// A Cause says why a task is cancelled.
type Cause uint64

// The causes of a cancellation. A cause of the user's is in Extra, set there before.
const (
	Default Cause = 0
	Closed  Cause = flagClosed
	Custom  Cause = flagCaused
)

// Cancel asks life gen to end. It reports whether it was this call that cancelled,
// and whether the caller has to queue the task.
func (d *Task) Cancel(gen uint32, why Cause) (did, queue bool) {
	for {
		s := d.status.Load()
		if !Status(s).Live(gen) || s&flagCancelled != 0 {
			return false, false
		}
		n := s | flagCancelled | uint64(why)
		wakes := s&stateMask == stWaiting && s&flagHard == 0
		if wakes {
			n = n - stWaiting + stActive
		}
		if d.status.CompareAndSwap(s, n) {
			return true, wakes
		}
	}
}

// Escape notes that the Ctx is used as a context.Context, and so may be used after the task has ended.
//
// A context that was derived from a Ctx keeps the descriptor's address, and cannot know that the descriptor serves
// another task. So that it never shows another task's values, or another task's end:
//
//   - The descriptor of a task that is under a context, so that its Ctx has values, has served no task before and
//     serves none after. Start sets the flag.
//   - The descriptor of a task whose Ctx was asked for anything that context.Context has, by the task or through a
//     derived context, serves no task after. Escape sets the flag.
//
// What remains is a Ctx without values that was asked for nothing before its task ended: to derive a context by
// context.WithValue or WithoutCancel calls no method of the parent. Such a context has no values but its own, for ever;
// its Err and Done may later be those of another task without values. To rule that out every descriptor would have to
// serve once only, and then a spawn costs a third more (BenchmarkSpawn). A Ctx that is an object of its own, with the
// descriptor's address and the generation, would be such an allocation too. To use a descriptor again only after a garbage
// collection has shown that no context points to it saves nothing: a pool between two collections would take as much new
// memory as one that uses no descriptor again.
//
// In one case such a context may also show values of the other task: if a group or a future has started that one by a Starter
// that is neither a scheduler nor a Ctx. That task gets its parent context when it runs (startForeign in package task), and the
// Starter may have given it a descriptor that has served.
func (d *Task) Escape() { d.escape(d.Gen()) }

// escape notes that the Ctx may be used after the task has ended, so that the
// descriptor must not serve another one. It reports false if life gen has ended.
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

// An End says how a task ended.
type End uint8

// The ends of a task.
const (
	Returned End = iota
	Failed       // by a panic or Goexit; the error is in Extra
	Skipped      // it was cancelled before it started
)

// Finish ends the present life and returns those who wait for that. It reports
// whether the caller has to pool the descriptor, and then its state is Free
// in a new generation; otherwise it is Done for good, or another party pools it: see claim.go. Called by the worker that runs
// the task, or by who took it from a queue.
func (d *Task) Finish(e End) (waiters *Waiter, free bool) {
	if e == Skipped {
		if r, ok := d.fn.(Runner); ok {
			r.Skip(d)
		}
	}
	d.fn = nil
	d.fib.Store(nil)
	for {
		s := d.status.Load()
		var n uint64
		stale := false
		if e == Returned && s&(flagCancelled|flagEscaped) == 0 {
			n = (s+genOne)&genMask | stFree
			if stale = s&flagStale != 0; stale {
				n = n - stFree + stDone | flagStale // (F1), see claim.go
			}
		} else {
			n = s&^(stateMask|whyMask) | stDone
			switch e {
			case Failed:
				n |= flagFailed
			case Skipped:
				n |= flagSkipped
			}
		}
		if !d.status.CompareAndSwap(s, n) {
			continue // a flag was set meanwhile; it may matter
		}
		if free = n&stateMask == stFree; (free || stale) && d.extra.Load() != nil {
			d.extra.Store(nil)
		}
		waiters = d.takeWaiters() // (F2)
		if stale {
			free = d.freeStale() // (F3)
		}
		return waiters, free
	}
}

// Err returns how life gen ended: nil if it has not, or returned normally. closed is
// the error of tasks that the scheduler's Close ended, cancelled the one of tasks
// that were cancelled without a cause.
func (d *Task) Err(gen uint32, cancelled, closed error) error {
	s := d.Status()
	if s.gen() != gen || s.state() != stDone {
		return nil
	}
	if s.has(flagFailed) {
		return d.Extra().Err
	}
	if s.has(flagCancelled) {
		return d.Cause(cancelled, closed)
	}
	return nil
}

// Cause returns why the present life is cancelled, or nil if it is not.
func (d *Task) Cause(cancelled, closed error) error {
	s := d.Status()
	if !s.has(flagCancelled) {
		return nil
	}
	if s.has(flagClosed) {
		return closed
	}
	if s.has(flagCaused) {
		return d.Extra().getCause()
	}
	return cancelled
}

// Name returns the name that life gen was given, or "".
func (d *Task) Name(gen uint32) string {
	x := d.Extra()
	if x == nil || d.Status().gen() != gen {
		return ""
	}
	return x.Name
}
