//go:build heddle_model

package scheduler

import (
	"fmt"
	"testing"

	"github.com/heddle-go/heddle/internal/explore"
	"github.com/heddle-go/heddle/internal/preempt"
	"github.com/heddle-go/heddle/internal/rt"
)

// A timerBench is the timer queue of a scheduler whose threads arm, disarm and expire, and whose monitor goes to sleep.
type timerBench struct {
	*Scheduler
	rung   [3]int
	undone [3]int
	timer  [3]*rt.Timer
	until  int64 // until when the monitor has gone to sleep
}

type bell struct{ n *int }

func (b *bell) Fire(int64) { *b.n++ }

func newTimerBench() *timerBench {
	b := &timerBench{Scheduler: newBare(2)}
	for i := range b.timer {
		b.timer[i] = &rt.Timer{Do: &bell{&b.rung[i]}}
	}
	b.mon = preempt.NewMonitor(preempt.Config{
		Tick: func(int64) (int64, bool) { return b.nextTimer(), false }, // of sysmonTick
		Idle: func() bool { return true },
	})
	return b
}

func (b *timerBench) expire(now int64) {
	b.timers.expire(now, new(dueBatch), func(*rt.Task) { explore.Failf("there is no task") })
}

// sleep is the monitor on its way to sleep.
func (b *timerBench) sleep() {
	for sleeps := false; !sleeps; {
		b.until, sleeps = b.mon.Doze(0, b.nextTimer())
	}
}

// check requires that the monitor comes in time for timer i, if that has not come to its end, and that no timer has two.
func (b *timerBench) check(i int) error {
	t := b.timer[i]
	if b.rung[i]+b.undone[i] == 0 {
		if f := b.timers.first.Load(); f == 0 || f > t.When {
			return fmt.Errorf("timer %d, of %d, is hidden: first is %d", i, t.When, f)
		}
		if !b.mon.Kicked() && b.until > t.When {
			return fmt.Errorf("timer %d, of %d, is slept over: the monitor sleeps until %d", i, t.When, b.until)
		}
	}
	for i := range b.timer {
		if n := b.rung[i] + b.undone[i]; n > 1 {
			return fmt.Errorf("timer %d came to %d ends", i, n)
		}
	}
	return nil
}

// A timer is armed while another is expired and the monitor goes to sleep.
func TestModelTimersHideNothing(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: 3}, func(m *explore.Model) {
		b := newTimerBench()
		b.timers.Arm(b.timer[0], 5)
		m.Thread("arms", func() { b.timers.Arm(b.timer[1], 10) })
		m.Thread("expires", func() { b.expire(7) })
		m.Thread("monitor", b.sleep)
		m.Check(func() error { return b.check(1) })
	})
}

// A timer is armed while the first of two workers falls asleep and the monitor goes to sleep: see timerGrace.
func TestModelTimersGrace(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: 3}, func(m *explore.Model) {
		b := newTimerBench()
		b.timers.size.Store(manyTimers) // fewer have no grace
		b.timers.Arm(b.timer[1], 500)   // less than the grace after the other: a kick in time for this one is too late
		m.Thread("arms", func() { b.timers.Arm(b.timer[0], 10) })
		m.Thread("falls asleep", b.workers()[0].announce)
		m.Thread("monitor", b.sleep)
		m.Check(func() error { return b.check(0) })
	})
}

// A timer is due, and two threads expire it while its owner disarms it. It has one end.
func TestModelTimerEndsOnce(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: 3}, func(m *explore.Model) {
		b := newTimerBench()
		b.timers.Arm(b.timer[0], 5)
		b.timers.Arm(b.timer[1], 5)
		m.Thread("expires", func() { b.expire(5) })
		m.Thread("expires too", func() { b.expire(5) })
		m.Thread("owner", func() {
			if b.timers.Disarm(b.timer[0]) {
				b.undone[0]++
			}
		})
		m.Check(func() error {
			if n := b.rung[0] + b.undone[0]; n != 1 {
				return fmt.Errorf("timer 0 came to %d ends", n)
			}
			if b.rung[1] != 1 {
				return fmt.Errorf("timer 1 rang %d times", b.rung[1])
			}
			return nil
		})
	})
}

// A periodic task that comes to its end between two runs, and Shutdown: exactly one of them takes the timer back, or it
// fires; a wake-up is given if and only if the task waits for it.
func TestModelPeriodicShutdown(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: explore.Unbounded}, func(m *explore.Model) {
		b := newTimerBench()
		q, x := &b.timers, b.timer[0]
		given, waits := 0, false
		m.Thread("periodic", func() {
			waits = q.armWhileOpen(x, 10, b.phase.Load) || !q.Disarm(x) // (P1, P2)
		})
		m.Thread("Shutdown", func() {
			b.phase.Store(phaseDraining) // (S1)
			if q.Disarm(x) {             // (S2)
				given++
			}
		})
		m.Check(func() error {
			if waits != (given == 1) {
				return fmt.Errorf("the task waits: %v; wake-ups: %d", waits, given)
			}
			return nil
		})
	})
}
