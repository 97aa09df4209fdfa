package rt

import (
	"time"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/fiber"
)

// Timers is the clock of a scheduler and what is to happen by it. Its methods may be called from anywhere: by
// tasks, goroutines, the monitor, and from within Fire. None of them waits.
type Timers interface {
	// Now is the time as timers know it: nanoseconds, never 0, never going back.
	Now() int64
	// Time is the same moment for users.
	Time() time.Time
	// Arm has t fire at when. The caller owns t, which is Idle.
	Arm(t *Timer, when int64)
	// Disarm takes Arm back. If it reports true, t will not fire, and must not be armed again. If it reports
	// false, t was not armed, or has fired, or is about to.
	Disarm(t *Timer) bool
	// Launch starts a task on behalf of a timer. It never waits, and no limit holds for it. It is refused, with a nil
	// descriptor, when all tasks have ended and none can come.
	Launch(fn any, x *Extra) (*Task, uint32)
}

// A Timer is one thing that is to happen at one time: a task is woken, or a function called. The zero Timer is Idle.
//
//	Idle  -> Armed  by Arm, which also queues it
//	Armed -> Idle   by whoever finds it due and has taken it out of the queue: Claim
//	Armed -> Spent  by Disarm: it stays in the queue, and is dropped there when it is met
//
// Both ways out of Armed are a CAS, so for each Arm there is one Claim or one Disarm that succeeds, never both. Whoever
// has claimed it fires it. A timer that is Idle is in no queue, and can be armed again even while who claimed it has yet to
// fire it: Do does not change, and Task is woken once more only after the task has consumed this wake-up.
type Timer struct {
	// Set by the owner while Idle.
	Task  *Task // woken, by Wake, or if Fresh released for its first run in life Gen; or nil and
	Do    Fire  // called
	Gen   uint32
	Fresh bool

	state atomicx.Uint32

	Fib *fiber.Fiber // where Task sleeps, if anybody may look ahead for it. Set like Task

	// The queue's.
	Deep atomicx.RelaxedUint32 // about how many there are from here on
	Next *Timer
	When int64
}

const (
	timerIdle = iota
	timerArmed
	timerSpent
)

// Fire is what a timer does. Fire is called on a worker between two tasks or at a checkpoint of one, on the monitor's
// goroutine, or on that which turned a clock. It must not wait for anything but short locks.
type Fire interface{ Fire(now int64) }

// Arm is the queue's part of arming.
func (t *Timer) Arm(when int64) {
	t.When = when
	t.state.Store(timerArmed)
}

// Claim is called by who found t due, after taking it out of the queue. If it reports true the caller has to fire t.
func (t *Timer) Claim() bool { return t.state.CompareAndSwap(timerArmed, timerIdle) }

// Spend is the queue's part of disarming.
func (t *Timer) Spend() bool {
	return t.state.Load() == timerArmed && t.state.CompareAndSwap(timerArmed, timerSpent)
}

// Spent reports whether t was disarmed.
func (t *Timer) Spent() bool { return t.state.Load() == timerSpent }

// Ring fires t, which the caller has claimed. It returns a task that the caller has to queue, or nil.
func (t *Timer) Ring(now int64) *Task {
	d := t.Task
	switch {
	case d == nil:
		t.Do.Fire(now)
	case t.Fresh:
		if d.Release(t.Gen) {
			return d
		}
	case d.Wake():
		return d
	}
	return nil
}

// Release lets a task that has not started run: Waiting -> Active. It leaves no wake-up behind, unlike Wake, since
// nobody is there to consume it. It reports whether the caller has to queue the task; if the task was cancelled, somebody
// else has.
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

// A Deadline is a task's deadline: the submission sets At, After or both, and Expire. Or it only has Ended.
type Deadline struct {
	Ended  func()        // if not nil, called when the task has ended
	At     time.Time     // if not zero
	After  time.Duration // from the submission, if Timed
	Timed  bool
	Expire func(d *Task, gen uint32) // cancels the task

	timer  Timer
	timers Timers
	d      *Task
	gen    uint32
}

// begin is called when the task's life begins, before it is queued. From then on At is the earlier one, if
// both were set.
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
		l.Expire(d, l.gen)
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
	if l.Ended != nil {
		l.Ended()
	}
}

// Fire implements Fire.
func (l *Deadline) Fire(int64) { l.Expire(l.d, l.gen) }

// After returns the time d after now, or the last one there is.
func After(now int64, d time.Duration) int64 {
	if when := now + int64(d); when >= now || d < 0 {
		return max(when, 1)
	}
	return 1<<63 - 1
}
