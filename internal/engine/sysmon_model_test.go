//go:build heddle_model

package engine

import (
	"fmt"
	"testing"

	"github.com/heddle-go/heddle/internal/explore"
	"github.com/heddle-go/heddle/internal/preempt"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/timers"
)

// noBell is what a timer without a task does.
type noBell struct{}

func (noBell) Fire(int64) {}

// A timer is armed while the first of two workers falls asleep and the monitor goes to sleep: see
// timerGrace.
func TestModelTimersGrace(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: 3}, func(m *explore.Model) {
		s := newBare(2)
		s.mon = preempt.NewMonitor(preempt.Config{
			Tick: func(int64) (int64, bool) { return s.sysmon.nextTimer(), false }, // of sysmon.tick
			Idle: func() bool { return true },
		})
		// One queue is enough, and makes for fewer schedules.
		s.timers.Init(s.now, s.sysmon.kickFor, func() *timers.Queue { return nil })
		far := make([]rt.Timer, manyTimers) // fewer have no grace
		for i := range far {
			far[i].Do = noBell{}
			s.timers.Arm(&far[i], 1<<40)
		}
		// Less than the grace after the other: a kick in time for this one is too late.
		later := &rt.Timer{Do: noBell{}}
		s.timers.Arm(later, 500)
		s.timers.Len() // all are in the heap
		s.sysmon.countTimers()
		x := &rt.Timer{Do: noBell{}}
		var until int64 // until when the monitor has gone to sleep
		m.Thread("arms", func() { s.timers.Arm(x, 10) })
		m.Thread("falls asleep", s.workers()[0].announce)
		m.Thread("monitor", func() {
			for sleeps := false; !sleeps; {
				until, sleeps = s.mon.Doze(0, s.sysmon.nextTimer())
			}
		})
		m.Check(func() error {
			if f := s.timers.First(); f == 0 || f > x.When {
				return fmt.Errorf("the timer of %d is hidden: first is %d", x.When, f)
			}
			if !s.mon.Kicked() && until > x.When {
				return fmt.Errorf("the timer of %d is slept over: the monitor sleeps until %d", x.When, until)
			}
			return nil
		})
	})
}

// A timer is armed in the queue of a worker that never comes back to it, while the other worker
// finds no work and falls asleep, and the monitor goes to sleep. The monitor comes in time,
// although it leaves timers to workers that are awake.
func TestModelTimersOfAnotherWorker(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: 1, Patience: longPatience}, func(m *explore.Model) {
		s := newBare(2)
		s.mon = preempt.NewMonitor(preempt.Config{
			Tick: func(int64) (int64, bool) { return s.sysmon.nextTimer(), false }, // of sysmon.tick
			Idle: func() bool { return true },
		})
		s.shared.ReadyGoroutines.Store(1) // so that a searcher looks around once only
		b := &idleBench{Scheduler: s, want: 1, taken: map[*rt.Task]int{}, held: map[*worker]bool{}}
		hog, idles := s.workers()[0], s.workers()[1]
		s.many.Store(true)
		const when = 1 << 60 // no worker sees the time come
		m.Thread("arms", func() { bellAt(hog, when) })
		m.Thread("worker", func() { b.work(idles) })
		m.Thread("monitor", func() {
			var until int64
			for sleeps := false; !sleeps; {
				until, sleeps = s.mon.Doze(0, s.sysmon.nextTimer())
			}
			explore.Block("until its time, or a kick", func() bool {
				return until == when || s.mon.Kicked()
			})
			s.timers.Expire(when, new(timers.Batch), nil)
		})
		m.Thread("end", b.quitWhenDone)
		m.Check(func() error {
			for _, n := range b.taken {
				if n != 1 {
					return fmt.Errorf("the task was found %d times", n)
				}
			}
			return nil
		})
	})
}

// A periodic task between two runs ends by itself and by Shutdown. Either one of the two disarms
// the timer, or the timer fires. A wake-up is given if and only if the task waits for it.
func TestModelPeriodicShutdown(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: explore.Unbounded}, func(m *explore.Model) {
		s := newBare(2)
		p := &periodic{s: s}
		p.timer.Do = noBell{}
		given, waits := 0, false
		m.Thread("periodic", func() {
			waits = p.armWhileOpen(10) || !s.timers.Disarm(&p.timer) // (Periodic-P1, Periodic-P2)
		})
		m.Thread("Shutdown", func() {
			s.phase.Store(phaseDraining)   // (Periodic-S1)
			if s.timers.Disarm(&p.timer) { // (Periodic-S2)
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
