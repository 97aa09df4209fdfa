//go:build heddle_model

package timers

import (
	"fmt"
	"testing"

	"github.com/heddle-go/heddle/internal/explore"
	"github.com/heddle-go/heddle/internal/preempt"
	"github.com/heddle-go/heddle/internal/rt"
)

// A bench is a queue whose threads arm, disarm and expire timers, beside a monitor that goes to
// sleep.
type bench struct {
	Queue
	mon    *preempt.Monitor
	rung   [3]int
	undone [3]int
	timer  [3]*rt.Timer
	until  int64 // until when the monitor has gone to sleep
}

type bell struct{ n *int }

func (b *bell) Fire(int64) { *b.n++ }

func newBench() *bench {
	b := &bench{}
	for i := range b.timer {
		b.timer[i] = &rt.Timer{Do: &bell{&b.rung[i]}}
	}
	b.mon = preempt.NewMonitor(preempt.Config{
		Tick: func(int64) (int64, bool) { return b.First(), false },
		Idle: func() bool { return true },
	})
	b.Init(func() int64 { return 1 }, b.mon.KickBefore)
	return b
}

func (b *bench) expire(now int64) {
	b.Expire(now, new(Batch), func(*rt.Task) { explore.Failf("there is no task") })
}

// sleep is the monitor on its way to sleep.
func (b *bench) sleep() {
	for sleeps := false; !sleeps; {
		b.until, sleeps = b.mon.Doze(0, b.First())
	}
}

// check requires that the monitor comes in time for timer i, if that has not come to its end, and
// that no timer has two ends.
func (b *bench) check(i int) error {
	t := b.timer[i]
	if b.rung[i]+b.undone[i] == 0 {
		if f := b.First(); f == 0 || f > t.When {
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
		b := newBench()
		b.Arm(b.timer[0], 5)
		m.Thread("arms", func() { b.Arm(b.timer[1], 10) })
		m.Thread("expires", func() { b.expire(7) })
		m.Thread("monitor", b.sleep)
		m.Check(func() error { return b.check(1) })
	})
}

// A timer is due, and two threads expire it while its owner disarms it. It has one end.
func TestModelTimerEndsOnce(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: 3}, func(m *explore.Model) {
		b := newBench()
		b.Arm(b.timer[0], 5)
		b.Arm(b.timer[1], 5)
		m.Thread("expires", func() { b.expire(5) })
		m.Thread("expires too", func() { b.expire(5) })
		m.Thread("owner", func() {
			if b.Disarm(b.timer[0]) {
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
