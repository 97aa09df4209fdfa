//go:build heddle_model

package scheduler

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/explore"
	"github.com/heddle-go/heddle/internal/rt"
)

// A timerBench is the timer queue with threads that arm, disarm and expire. mutants are the parts that a test
// leaves out.
type timerBench struct {
	q       timers
	until   atomicx.Int64 // of the monitor: how long it sleeps
	rung    [3]int
	undone  [3]int
	bell    [3]*bell
	timer   [3]*rt.Timer
	settle  func(q *timers)
	disarm  func(q *timers, t *rt.Timer) bool
	kicked  bool
	watched int64 // until when the monitor has gone to sleep
}

type bell struct{ n *int }

func (b *bell) Fire(int64) { *b.n++ }

func newTimerBench() *timerBench {
	b := &timerBench{settle: (*timers).settle, disarm: (*timers).Disarm}
	b.q.clock = func() int64 { return 0 }
	b.q.kick = func(when int64) {
		if b.until.Load() > when {
			b.kicked = true
		}
	}
	for i := range b.timer {
		b.bell[i] = &bell{&b.rung[i]}
		b.timer[i] = &rt.Timer{Do: b.bell[i]}
	}
	return b
}

// expire is timers.expire for one batch, with the bench's settle.
func (b *timerBench) expire(now int64) {
	q := &b.q
	if !q.due(now) || !q.mu.TryLock() {
		return
	}
	var batch []*rt.Timer
	q.drain()
	for len(q.heap) > 0 && q.heap[0].when <= now {
		if t := q.pop(); t.Claim() {
			batch = append(batch, t)
		}
	}
	b.settle(q)
	q.mu.Unlock()
	for _, t := range batch {
		t.Ring(now)
	}
}

// sleep is the monitor on its way to sleep: M1 and M2 of preempt.Monitor.
func (b *timerBench) sleep() {
	until := int64(1 << 62)
	if f := b.q.first.Load(); f != 0 {
		until = f
	}
	b.until.Store(until)                            // (M1)
	if f := b.q.first.Load(); f != 0 && f < until { // (M2)
		until = f
	}
	b.watched = until
}

// armed requires that the monitor, or somebody it is kicked by, comes in time for whatever is armed.
func (b *timerBench) check(armed ...int) error {
	for _, i := range armed {
		t := b.timer[i]
		if b.rung[i]+b.undone[i] > 0 {
			continue
		}
		if f := b.q.first.Load(); f == 0 || f > t.When {
			return fmt.Errorf("timer %d, of %d, is hidden: first is %d", i, t.When, f)
		}
		if !b.kicked && b.watched > t.When {
			return fmt.Errorf("timer %d, of %d, is slept over: the monitor sleeps until %d", i, t.When, b.watched)
		}
	}
	for i := range b.timer {
		if n := b.rung[i] + b.undone[i]; n > 1 {
			return fmt.Errorf("timer %d came to %d ends", i, n)
		}
	}
	return nil
}

// hidden is a timer that is being armed while another is expired and the monitor goes to sleep.
func hidden(settle func(q *timers)) func(*explore.Model) {
	return func(m *explore.Model) {
		b := newTimerBench()
		if settle != nil {
			b.settle = settle
		}
		b.q.Arm(b.timer[0], 5)
		b.until.Store(5)
		m.Thread("arms", func() { b.q.Arm(b.timer[1], 10) })
		m.Thread("expires", func() { b.expire(7) })
		m.Thread("monitor", func() { b.sleep() })
		m.Check(func() error { return b.check(1) })
	}
}

func TestModelTimersHideNothing(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: 3}, hidden(nil))
}

// If who holds the lock does not look at the stack again, it raises first above a timer that was pushed meanwhile.
func TestModelTimersSettleOnce(t *testing.T) {
	_, failure := explore.Check(explore.Config{Preemptions: 2}, hidden(func(q *timers) {
		q.drain()
		f := int64(0)
		if len(q.heap) > 0 {
			f = q.heap[0].when
		}
		q.first.Store(f)
	}))
	require.NotNil(t, failure)
	require.Contains(t, failure.Message, "hidden")
}

// If it does look, but kicks nobody, the monitor may have seen first while it was too high.
func TestModelTimersSettleWithoutKick(t *testing.T) {
	_, failure := explore.Check(explore.Config{Preemptions: 3}, hidden(func(q *timers) {
		kick := q.kick
		q.kick = func(int64) {}
		q.settle()
		q.kick = kick
	}))
	require.NotNil(t, failure)
	require.Contains(t, failure.Message, "slept over")
}

// graceful is a timer that is armed while the last worker but one falls asleep and the monitor goes to sleep, with the
// grace of timerGrace.
func graceful(kickAsleep bool) func(*explore.Model) {
	return func(m *explore.Model) {
		b := newTimerBench()
		var asleep atomicx.Int64
		grace := func() int64 {
			if asleep.Load() != 0 {
				return 0
			}
			return 100
		}
		kick := b.q.kick
		b.q.kick = func(when int64) { kick(when + grace()) }
		b.until.Store(1 << 62)
		next := func() int64 {
			f := b.q.first.Load()
			if f != 0 {
				f += grace()
			}
			return f
		}
		m.Thread("arms", func() { b.q.Arm(b.timer[0], 10) })
		m.Thread("falls asleep", func() {
			asleep.Store(1)                                  // (W2)
			if f := b.q.first.Load(); f != 0 && kickAsleep { // (G1)
				kick(f)
			}
		})
		m.Thread("monitor", func() {
			until := int64(1 << 62)
			if f := next(); f != 0 {
				until = f
			}
			b.until.Store(until)                  // (M1)
			if f := next(); f != 0 && f < until { // (M2)
				until = f
			}
			b.watched = until
		})
		m.Check(func() error { return b.check(0) })
	}
}

func TestModelTimersGrace(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: 3}, graceful(true))
}

// If who falls asleep does not look, the monitor comes as late as was good enough while all were awake.
func TestModelTimersGraceWithoutKick(t *testing.T) {
	_, failure := explore.Check(explore.Config{Preemptions: 2}, graceful(false))
	require.NotNil(t, failure)
	require.Contains(t, failure.Message, "slept over")
}

// ends is a timer that is due, which two expire while its owner disarms it. It has one end.
func ends(disarm func(q *timers, t *rt.Timer) bool) func(*explore.Model) {
	return func(m *explore.Model) {
		b := newTimerBench()
		if disarm != nil {
			b.disarm = disarm
		}
		b.q.Arm(b.timer[0], 5)
		b.q.Arm(b.timer[1], 5)
		b.watched = 0
		m.Thread("expires", func() { b.expire(5) })
		m.Thread("expires too", func() { b.expire(5) })
		m.Thread("owner", func() {
			if b.disarm(&b.q, b.timer[0]) {
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
	}
}

func TestModelTimerEndsOnce(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: 3}, ends(nil))
}

// An owner that looks and then marks, without CAS, undoes what has rung.
func TestModelDisarmWithoutCAS(t *testing.T) {
	armed := func(t *rt.Timer) bool { return !t.Spent() }
	_, failure := explore.Check(explore.Config{Preemptions: 2}, ends(func(q *timers, t *rt.Timer) bool {
		if !armed(t) {
			return false
		}
		t.Spend()
		return true
	}))
	require.NotNil(t, failure)
}

// A periodic task that comes to its end between two runs, and Shutdown: exactly one of them takes the timer back, or it
// fires; a wake-up is given if and only if the task waits for it.
func periodicEnds(lookFirst bool) func(*explore.Model) {
	return func(m *explore.Model) {
		b := newTimerBench()
		var phase atomicx.Int32
		x := b.timer[0]
		given, waits := 0, false
		m.Thread("periodic", func() {
			open := false
			if lookFirst {
				open = phase.Load() == 0
				b.q.Arm(x, 10) // (P1)
			} else {
				open = b.q.armWhileOpen(x, 10, phase.Load) // (P1, P2)
			}
			waits = open || !b.q.Disarm(x)
		})
		m.Thread("Shutdown", func() {
			phase.Store(1)     // (S1)
			if b.q.Disarm(x) { // (S2)
				given++
			}
		})
		m.Check(func() error {
			if waits != (given == 1) {
				return fmt.Errorf("the task waits: %v; wake-ups: %d", waits, given)
			}
			return nil
		})
	}
}

func TestModelPeriodicShutdown(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: explore.Unbounded}, periodicEnds(false))
}

// One that looks at the phase before it arms is missed by Shutdown, and waits on.
func TestModelPeriodicLooksFirst(t *testing.T) {
	_, failure := explore.Check(explore.Config{Preemptions: 2}, periodicEnds(true))
	require.NotNil(t, failure)
	require.Contains(t, failure.Message, "waits")
}
