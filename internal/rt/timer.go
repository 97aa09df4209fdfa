package rt

import (
	"context"
	"time"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/fiber"
)

// Timers is the clock of a scheduler and its queue of timers. Any goroutine may call its methods: a
// task, a goroutine, sysmon, and a Fire. None of them waits.
type Timers interface {
	// Now returns the time of the timers in nanoseconds. It is never 0 and never goes back.
	Now() int64
	// Time returns the same moment as a time for users.
	Time() time.Time
	// Arm makes t fire at when. The caller owns t, which must be Idle.
	Arm(t *Timer, when int64)
	// Disarm undoes Arm. If it returns true, t will not fire, and must not be armed again. If it
	// returns false, t was not armed, or has fired, or is about to fire.
	Disarm(t *Timer) bool
}

// A Timer wakes a task or calls a function at one time. The zero Timer is Idle.
//
//	Idle  -> Armed  Arm, which also queues it
//	Armed -> Idle   Claim, by the party that found it due and took it out of the queue
//	Armed -> Spent  Disarm; the entry stays in the queue and is dropped when it is met
//
// Both ways out of Armed are a CAS of state, so after each Arm at most one Claim or Disarm
// succeeds. The party that has claimed a timer fires it. An Idle timer is in no queue, so its owner
// can arm it again even before that party has fired it. This is safe, because Do does not change,
// and Task begins no further wait before it has consumed this wake-up.
type Timer struct {
	// The owner sets these while the timer is Idle.
	//
	// If Task is not nil, the timer wakes it by Wake or, if Fresh is set, releases it for its first
	// run in life Gen. If Task is nil, the timer calls Do.
	Task  *Task
	Do    Fire
	Gen   uint32
	Fresh bool

	state atomicx.Uint32
	// Queue is the number of the queue that t is in or was in last. Arm of that queue writes it
	// before state, so a party whose Spend has succeeded can read it.
	Queue uint32

	// Fib is the fiber that Task sleeps on, if other workers may prefetch it. The owner sets it
	// like Task.
	Fib *fiber.Fiber

	// These belong to the queue.
	Deep atomicx.RelaxedUint32 // about how many timers the stack has from this one on
	Next *Timer
	When int64
}

const (
	timerIdle = iota
	timerArmed
	timerSpent
)

// Fire is the function of a timer. One of these calls it: a worker between two tasks, a worker at a
// checkpoint of its task, sysmon, or the goroutine that advances a clock. It may wait only for
// short locks.
//
// A Fire must not call the methods of a user's context, because they may wait. If a worker calls
// one on the stack of a task, a wait would park that task in the middle of the worker's work, and
// the task may hold the lock that the method waits for. A [Late] makes such calls.
type Fire interface{ Fire(now int64) }

// Aside calls f on a goroutine of its own, and counts the goroutine in ReadyGoroutines until it
// runs, so that workers give it a P.
func (s *Shared) Aside(f func()) {
	s.ReadyGoroutines.Add(1)
	go func() {
		s.ReadyGoroutines.Add(-1)
		f()
	}()
}

// Arm is the part of arming that concerns the timer itself.
func (t *Timer) Arm(when int64) {
	t.When = when
	t.state.Store(timerArmed)
}

// Claim is called by the party that found t due, after it took t out of the queue. If it returns
// true, the caller has to fire t.
func (t *Timer) Claim() bool { return t.state.CompareAndSwap(timerArmed, timerIdle) }

// Spend is the part of disarming that concerns the timer itself. It reports whether t was armed.
func (t *Timer) Spend() bool {
	return t.state.Load() == timerArmed && t.state.CompareAndSwap(timerArmed, timerSpent)
}

// Spent reports whether t was disarmed.
func (t *Timer) Spent() bool { return t.state.Load() == timerSpent }

// Fire fires t, which the caller has claimed. It returns a task that the caller has to queue, or
// nil.
func (t *Timer) Fire(now int64) *Task {
	d := t.Task
	switch {
	case d == nil:
		t.Do.Fire(now)
	case t.Fresh:
		if d.Release(t.Gen) {
			return d
		}
	case d.WakeWaiting() || d.wakeBy(ByTimer):
		return d
	}
	return nil
}

// Release moves a task that has not started from Waiting to Active, so that it can run. Unlike Wake
// it leaves no token, because the task has no wait that would consume one. Release reports whether
// the caller has to queue the task. It returns false for a cancelled task, because its canceller
// has queued it.
func (d *Task) Release(gen uint32) (queue bool) {
	for {
		s := d.status.Load()
		if !Status(s).Live(gen) || s&stateMask != stWaiting {
			return false
		}
		if d.status.CompareAndSwap(s, s-stWaiting+stActive) {
			return true
		}
	}
}

// A Deadline is a task's deadline. The submission sets At, After or both. If neither is set, the
// Deadline only carries OnEnd.
type Deadline struct {
	OnEnd  func()        // if not nil, called when the task has ended
	At     time.Time     // the deadline, if not zero
	After  time.Duration // from the submission, if Timed
	Timed  bool
	timer  Timer
	timers Timers
	d      *Task
	gen    uint32
}

// begin is called when the task's life begins, before it is queued. If both At and After were set,
// it sets At to the earlier time.
func (l *Deadline) begin(d *Task) {
	if l.At.IsZero() && !l.Timed {
		return
	}
	l.d, l.gen, l.timers = d, d.Gen(), d.Shared().Sched.Timers()
	t := l.timers
	left := l.After
	if now := t.Time(); l.At.IsZero() {
		l.At = now.Add(l.After)
	} else if until := l.At.Sub(now); !l.Timed || until <= left {
		left = until
	} else {
		l.At = now.Add(l.After)
	}
	if left <= 0 {
		l.Fire(0)
		return
	}
	l.timer.Do = l
	t.Arm(&l.timer, After(t.Now(), left))
}

// release is called when the task has ended.
func (l *Deadline) release() {
	if l.timers != nil {
		l.timers.Disarm(&l.timer)
	}
	if l.OnEnd != nil {
		l.OnEnd()
	}
}

// Fire implements Fire.
func (l *Deadline) Fire(int64) {
	late := HandleOf(l.d, l.gen).Queue(context.DeadlineExceeded, context.DeadlineExceeded)
	late.Aside(l.d.Shared(), nil)
}

// After returns the time d after now, or the latest time if that overflows.
func After(now int64, d time.Duration) int64 {
	if when := now + int64(d); when >= now || d < 0 {
		return max(when, 1)
	}
	return 1<<63 - 1
}
