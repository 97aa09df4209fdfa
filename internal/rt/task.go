// Package rt holds what package task and package scheduler share: the task descriptor and its state
// machine, the waiters of a task, and two small interfaces. Through Host a task talks to the worker
// that it runs on, through Scheduler any caller talks to the scheduler that the task belongs to.
//
// Nothing here decides which task runs next, and only a few methods, which say so, park the calling
// task.
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

// Task is a task's descriptor. Package task gives it to users as task.Ctx, a type with the same
// layout.
//
// A descriptor is exactly one cache line, because the lines that a switch touches make up most of
// its cost once the tasks have fallen out of the caches (BenchmarkYield/tasks=10000). A million
// queued tasks also need little more memory than their closures.
//
// Descriptors are pooled and serve one task after the other. Each life has its own generation.
// Other parties refer to a task by the descriptor's address and the generation.
type Task struct {
	status atomicx.Uint64 // see status.go
	flag   preempt.Flag   // the task polls it, sysmon marks it

	// fn belongs to the owner of the task: the spawner until the task is queued, then the worker
	// that takes it from the queue. Queueing orders memory.
	//
	// It is a func(*task.Ctx), kept as any because rt does not know task.Ctx, or a Runner, or a
	// *Frame. It is nil once a func(*task.Ctx) has been called.
	fn any
	// fib is the fiber that the task sleeps on, or nil if the task has not started. The task's
	// owner writes it. Any worker may read it to prefetch the fiber's cache lines.
	fib atomicx.Relaxed[fiber.Fiber]

	// worker is the worker that the task runs on or ran on last. Before the first run it is a
	// placeholder without a Host; see Init. The worker that runs the task writes it; any goroutine
	// may read it.
	worker atomicx.Relaxed[Worker]

	waiters atomicx.Pointer[Waiter] // wait for the task's end; see waiter.go
	extra   atomicx.Pointer[Extra]  // what few tasks have; see extra.go
}

// Home is what every task of a scheduler knows of it.
type Shared struct {
	Sched Scheduler
	// Pinned reports whether workers are locked to their threads while they run tasks.
	Pinned bool
	// Workers is the number of workers. The scheduler writes it.
	Workers atomicx.Int64
	// ReadyGoroutines counts the goroutines outside of the scheduler that a worker has made ready
	// and that have not run since. Workers call runtime.Gosched now and then while it is positive.
	// The worker adds one, the goroutine subtracts one.
	ReadyGoroutines atomicx.Int64
	// Waiters pools the waiters of goroutines. The pool belongs to one scheduler because a waiter's
	// channel must not move from one synctest bubble to another, and a scheduler never does.
	Waiters sync.Pool
}

// Worker is the part of a worker that its tasks see, and any holder of a task's handle.
type Worker struct {
	Host   Host
	Shared *Shared

	// Index is a small number that no two running workers of the process share. A later worker gets
	// the number again after this one has ended.
	Index int
	// At is the worker's index in its scheduler.
	At int

	// Forks holds the frames of the calls that tasks forked on this worker.
	Forks deque.Owner[Frame]

	// spares holds Runners that have run and can serve again; see Spare. Only the running task
	// touches it.
	spares  []Runner
	keepers []Keeper // see AddKeeper; only the running task touches it
	// joins lists free waiters, linked by next, and njoins counts them; see NewWaiter. Only the
	// running task touches them.
	joins  *Waiter
	njoins int

	// Current is the task that the worker runs or ran last, or nil. The worker writes it at each
	// dispatch.
	Current atomicx.Relaxed[Task]
	// Fib is the fiber that runs. The worker, or the task on it, writes it before each switch; see
	// IsCurrent.
	Fib atomicx.Relaxed[fiber.Fiber]
	// Dispatch counts dispatches. A preempt mark names one of them. The worker writes it.
	Dispatch atomicx.RelaxedUint32
}

// Host is a worker as seen by the task that runs on it. Only that task may call the methods. After
// a method that suspends it, the task may be on another worker.
type Host interface {
	// Yield implements task.Ctx.Yield.
	Yield(d *Task)
	// Poll is the slow path of a checkpoint.
	Poll(d *Task)
	// Park suspends d until the event that k names has happened.
	Park(d *Task, k Park)
	// ParkReady implements task.Ctx.Park.
	ParkReady(d *Task) error
	// Sleep suspends d until ns nanoseconds have passed or d is cancelled.
	Sleep(d *Task, ns int64)
	// Spawn starts a task on this worker and returns its descriptor and generation. The descriptor
	// is nil if the scheduler is closed.
	Spawn(fn any, x *Extra) (*Task, uint32)
	// ParkFor is Park for a wait that ends with life gen of t. If t has not begun, t runs next on
	// this worker.
	ParkFor(d *Task, k Park, t *Task, gen uint32)
	// Local queues d, which the caller has just made runnable, to run next on this worker.
	Local(d *Task)
	// Call calls fn, which may block its thread, on the task's own stack. k is the record of earlier
	// calls of the same function. Call returns false, without having called fn, if the call has to
	// be made elsewhere. d may come back on another worker, also in the middle of a panic or Goexit
	// of fn. If it does in the middle of a panic, the panic's value is a *task.PanicError.
	Call(d *Task, fn func(), k *CallKind) bool
	// WakeThief wakes another worker, if that can help, because the task has exposed frames.
	WakeThief()
}

// Scheduler is a task's scheduler, as any goroutine may call it.
type Scheduler interface {
	// Inject queues d, which the caller has just made runnable. If the caller runs on a worker of
	// this scheduler, d goes where Local puts it, otherwise into the injector.
	Inject(d *Task)
	// Handles reports whether the caller is a handler of this scheduler. A handler must not wait
	// for tasks, because a worker waits for the handler.
	Handles() bool
	// Admit submits a task from outside and returns its descriptor and generation. It may wait for
	// room in the queue: it parks the task, or blocks the goroutine, that by belongs to. If by ends
	// first, Admit returns by's cause. by may be nil. After an error, nothing has been submitted
	// and fn will not be called.
	Admit(waitCtx context.Context, fn any, x *Extra) (*Task, uint32, error)
	// Block hands j to a goroutine that is not a task, at once or when one is free. The caller must
	// be a task.
	Block(j Job)
	// Assist calls f at once on a goroutine that is not a task, outside of the limit on blocking
	// calls. f must end soon after the calling task is cancelled.
	Assist(f func())
	// Launch starts fn as a task on behalf of a timer. It never waits and is subject to no queue
	// limit. It does nothing if all tasks have ended and none can come.
	Launch(fn any)
	// Timers returns the scheduler's timers.
	Timers() Timers
}

// SchedulerOf returns the Scheduler inside on, which users know as a *scheduler.Scheduler. ok is
// false if on is anything else. SchedulerOf panics if on is a nil or zero scheduler. Package
// scheduler sets it.
var SchedulerOf = func(on any) (s Scheduler, ok bool) { return nil, false }

// A Runner is a task's function together with its data, in one allocation. Members of groups are
// Runners. The descriptor holds the Runner until Run has returned.
type Runner interface {
	// Run is the task's function. It lets panics out.
	Run(d *Task)
	// Skip is called in place of Run if the task ends without having run. The party that ends the
	// task calls it, before the end becomes visible. That is a worker, or the goroutine whose
	// submission took the task's place in a full queue.
	Skip(d *Task)
}

// A Job is work that a goroutine does for a task.
type Job interface {
	// Run does the work and wakes the task. It returns the panic of the work if the task no longer
	// waits for it, otherwise nil. Run does not return if the work calls runtime.Goexit.
	Run() (stray error)
	// End is called last, after a returned panic has been handled. The task may end from then on.
	End()
}

// maxSpares bounds the number of Runners that a worker keeps: 16 KB of interface values on a 64-bit
// machine.
const maxSpares = 1024

// Spare returns a Runner that Keep has stored, or nil. Only the running task may call it.
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

// Keep stores r for Spare. It returns false, and does not store r, if the worker holds enough
// Runners. Only the running task may call it.
func (w *Worker) Keep(r Runner) bool {
	if len(w.spares) == maxSpares {
		return false
	}
	w.spares = append(w.spares, r)
	return true
}

// A Keeper holds spare objects for the tasks of one worker.
type Keeper interface {
	// Forget drops all of them for the garbage collector. The worker calls it between two tasks.
	Forget()
}

// AddKeeper registers k: the next Worker.Forget calls k.Forget, once. k has to register again when it
// stores something new. Only the running task may call AddKeeper.
func (w *Worker) AddKeeper(k Keeper) { w.keepers = append(w.keepers, k) }

// Forget drops what Keep has stored and what the registered Keepers hold. The worker calls it
// between two tasks.
func (w *Worker) Forget() {
	w.spares = nil
	w.joins, w.njoins = nil, 0
	for _, k := range w.keepers {
		k.Forget()
	}
	w.keepers = nil
}

// Keeps reports whether Forget has more than a few objects to drop.
func (w *Worker) Keeps() bool { return len(w.spares) > maxSpares/16 || len(w.keepers) > 0 }

// Status reads the status word.
func (d *Task) Status() Status { return Status(d.status.Load()) }

// Gen returns the generation of the present life.
func (d *Task) Gen() uint32 { return d.Status().gen() }

// Worker returns the worker that the task runs on or ran on last.
func (d *Task) Worker() *Worker { return d.worker.Load() }

// Home returns the home of the task's scheduler.
func (d *Task) Shared() *Shared { return d.worker.Load().Shared }

// Init prepares a new descriptor. nobody is a placeholder Worker that carries the scheduler's
// Shared.
func (d *Task) Init(nobody *Worker) { d.worker.Store(nobody) }

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

// Checkpoint implements task.Ctx.Checkpoint. It must inline, and so must its caller.
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

// start is Start for a status word that also gets the flags in normal if the task is of the normal
// level. The same store sets the flags, because from then on a timer may cancel the task.
func (d *Task) start(fn any, x *Extra, normal uint64) {
	d.fn = fn
	// A party that came too late for the last life may have left an extension.
	if x != nil || d.extra.Load() != nil {
		d.extra.Store(x)
	}
	s := d.status.Load()&genMask | stActive
	if x != nil {
		s |= uint64(x.Level) << levelShift
		if x.Name != "" || x.HasContext() {
			// The descriptor serves no other task: handles show the name after the task's end, and
			// Escape explains why a Ctx with a context needs this.
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
	d.worker.Store(w)
	w.Dispatch.Store(w.Dispatch.Load() + 1)
	w.Current.Store(d)
}

// Park names the event that ends a wait. WaitReason.Park adds the reason of the wait.
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

// TakeToken consumes the token that a Ready left because the task was not parked for it, and
// reports whether there was one. Only the running task may call it.
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

// Woken reports whether a Wake ended the park ForWake or ForWakeOnly that has just returned. If
// not, Cancel ended it, and the Wake may still come. Only the task that was parked may call it.
//
// A Wake that finds the task Waiting, the usual case, leaves no token. It clears flagInternal,
// which CommitPark has set and Cancel leaves alone. So the wake-up costs the woken task no atomic
// read-modify-write operation.
func (d *Task) Woken() bool {
	if d.status.Load()&(flagWoken|flagInternal) == 0 {
		return true
	}
	return d.take(flagWoken)
}

// CommitPark makes a task Waiting after it has left its stack. It returns false if the event came
// first: the task is Runnable, and the caller has to queue it. The task's successor calls it as the
// first thing after the switch.
//
// This is the one place where a wake-up could be lost. The two sides are the successor, and the
// waker in Ready, Wake or Cancel:
//
//	successor                               waker
//	Park-S1  the task has left its stack    Park-W1   load the word
//	Park-S2  CAS Active -> Waiting, only    Park-W2a  if it is Waiting for this event:
//	         if the event's flag is unset             CAS -> Active, then queue the task
//	Park-S3  otherwise queue the task       Park-W2b  otherwise CAS the event's flag in
//
// Both sides change the same word by CAS, so one comes first. If Park-S2 does, Park-W2a sees
// Waiting and queues the task. It does so exactly once, because only one CAS away from Waiting
// succeeds. If Park-W2b does, Park-S2 fails and Park-S3 queues the task. No party queues the task
// before Park-S1, because only Park-S2 makes it Waiting and only the successor runs Park-S3.
//
// If Cancel came first, CommitPark sets flagInternal before Park-S3, because Woken relies on it.
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

// Ready gives the token of [ForReady] to life gen. It reports whether this made the task runnable;
// if so, the caller has to queue it.
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

// Wake is the event of [ForWake] and [ForWakeOnly]. The caller has claimed the wait before, so no
// other party wakes the task for it, and the task cannot end meanwhile. Wake reports whether the
// caller has to queue the task.
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

// A Cause is the reason of a cancellation.
type Cause uint64

// The reasons. With Custom, the caller has stored the user's cause in Extra by SetCause.
const (
	Default Cause = 0
	Closed  Cause = flagClosed
	Custom  Cause = flagCaused
)

// Cancel asks life gen to end. did reports whether this call cancelled the task, queue whether the
// caller has to queue it.
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

// Escape notes that the Ctx is used as a context.Context and so may be used after the task has
// ended.
//
// A derived context keeps the descriptor's address and cannot know that the descriptor serves
// another task by now. It must never show that task's values or end. Two rules ensure this:
//
//   - If a task is under a context, so that its Ctx has values, the descriptor has served no task
//     before and serves none after. Start sets the flag.
//   - If any method of context.Context was called on the Ctx, by the task or through a derived
//     context, the descriptor serves no task after. Escape sets the flag.
//
// One case remains. context.WithValue and WithoutCancel call no method of the parent, so a Ctx
// without values may have a child although none of its methods was called before its task ended.
// The child has only its own values for ever, but its Err and Done may later be those of another
// task without values. To rule that out, every descriptor would have to serve only once, and a
// spawn would cost a third more (BenchmarkSpawn). Two other mends were rejected because they save
// nothing:
//
//   - Making the Ctx an object of its own, with the descriptor's address and the generation, is an
//     allocation of the same cost.
//   - Using a descriptor again only after a garbage collection has shown that no context points to
//     it takes as much new memory between two collections as using each descriptor once.
//
// In one case such a child may also show values of the other task: if a group or a future started
// that task by a Starter that is neither a scheduler nor a Ctx. That task gets its parent context
// when it runs (startForeign in package task), and the Starter may have given it a descriptor that
// had served before.
func (d *Task) Escape() { d.escape(d.Gen()) }

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

// An End says how a task ended.
type End uint8

// The ends of a task.
const (
	Returned End = iota
	Failed       // by a panic or Goexit; the error is in Extra
	Skipped      // the task was cancelled before it started
)

// Finish ends the present life and returns the waiters for its end. free reports whether the caller
// has to pool the descriptor; its state is then Free, in a new generation. Otherwise the state is
// Done for good, or another party pools the descriptor: see claim.go. The worker that runs the task
// calls Finish, or the party that took the task from a queue.
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
				n = n - stFree + stDone | flagStale // (Claim-F1), see claim.go
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
			continue // a flag was set meanwhile, and may matter
		}
		if free = n&stateMask == stFree; (free || stale) && d.extra.Load() != nil {
			d.extra.Store(nil)
		}
		waiters = d.takeWaiters() // (End-F2), see Await; (Claim-F2)
		if stale {
			free = d.freeStale() // (Claim-F3)
		}
		return waiters, free
	}
}

// Err returns the error that life gen ended with. It is nil if that life has not ended, or returned
// normally without having been cancelled. The error is closed if the scheduler's Close cancelled
// the task, and cancelled if the task was cancelled without a cause.
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

// Cause returns the cause of the present life's cancellation, or nil if that life is not cancelled.
// cancelled and closed are as for Err.
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

// Name returns the name of life gen, or "".
func (d *Task) Name(gen uint32) string {
	x := d.Extra()
	if x == nil || d.Status().gen() != gen {
		return ""
	}
	return x.Name
}
