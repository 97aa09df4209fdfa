//go:build heddle_model

package offload

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/explore"
	"github.com/heddle-go/heddle/internal/idle"
)

// clock stands still, as in a bubble of testing/synctest.
const clock = 1

// A spotBench is workers whose tasks are in calls, with a counter for all queues. It calls the
// steps of Spot, Alert and idle.Set.
type spotBench struct {
	idle    idle.Set
	relief  Alert
	queue   atomicx.Int64
	spots   []Spot
	asleep  []atomicx.Bool
	owners  []int // of each worker: how many have it. Plain, so that two at once show
	reliefs int   // goroutines that are to run
	served  int
	want    int

	again bool // a relief makes a call on the worker that it has taken
	twice bool // each task makes a call that returns at once, and then the other one

	blind bool // the mutant: Spot-E3 is left out
	late  bool // the mutant: Spot-A1 comes after Spot-A2
	weak  bool // the mutant: the worker is taken without CAS
}

func (b *spotBench) wakeOne() {
	if b.idle.NeedsWake() && b.idle.Inside() > 0 && b.relief.Raise() {
		b.reliefs++
	}
}

// serve is what a worker does that goes on: all work that comes. (That it sleeps meanwhile, and is
// woken, is package engine's TestModelSleepWake's.)
func (b *spotBench) serve() {
	for b.served < b.want {
		explore.Block("serve", func() bool { return b.queue.Load() > 0 || b.served == b.want })
		if n := b.queue.Load(); n > 0 && b.queue.CompareAndSwap(n, n-1) {
			b.served++
		}
	}
}

// own checks that only one has the worker.
func (b *spotBench) own(i, delta int) {
	if b.owners[i] += delta; b.owners[i] > 1 {
		explore.Failf("two have worker %d", i)
	}
}

// drain is all work that there is, for a task that makes another call then.
func (b *spotBench) drain() {
	for n := b.queue.Load(); n > 0; n = b.queue.Load() {
		if b.queue.CompareAndSwap(n, n-1) {
			b.served++
		}
	}
}

// call is a task that makes a call which returns when returns says so. If it has the worker then,
// it does work. It reports whether it had.
func (b *spotBench) call(i int, returns func() bool, work func()) bool {
	b.own(i, 1)
	b.own(i, -1) // Spot-E1: it names nothing any more
	since := b.spots[i].Enter(clock)
	b.idle.GoInside()
	if !b.blind && b.queue.Load() > 0 { // (Spot-E3)
		b.wakeOne()
	}
	explore.Block("in the call", returns)
	if b.spots[i].End(since) { // (Spot-E4)
		b.own(i, 1)
		b.idle.GoOutside()
		work()
		b.own(i, -1)
		return true
	}
	explore.Block("asleep", b.asleep[i].Load) // (Spot-E5)
	b.asleep[i].Store(false)
	return false
}

// relieveOne is takeOne. over says that no alert can come any more.
func (b *spotBench) relieveOne() {
	if !b.late {
		b.relief.Lower() // (Spot-A1)
	}
	for i := range b.spots { // (Spot-A2)
		since := b.spots[i].Entered()
		if since == 0 || b.queue.Load() == 0 {
			continue
		}
		if b.weak {
			b.spots[i].since.Store(0)
		} else if !b.spots[i].End(since) { // (Spot-T1)
			continue
		}
		b.idle.GoOutside()
		b.own(i, 1)
		b.asleep[i].Store(true) // (Spot-T3)
		if b.again {
			b.own(i, -1) // Spot-E1
			since := b.spots[i].Enter(clock)
			b.idle.GoInside()
			explore.Point("another call")
			if !b.spots[i].End(since) {
				explore.Failf("the call on worker %d was ended by the task that had it before", i)
			}
			b.own(i, 1)
			b.idle.GoOutside()
		}
		b.serve()
		b.own(i, -1)
		return
	}
	if b.late {
		b.relief.Lower()
	}
}

// relieved is a worker whose call returns only when all work has been served, or at any time if
// short, and work that comes.
func relieved(workers, producers int, short bool, change func(b *spotBench)) func(*explore.Model) {
	return func(m *explore.Model) {
		b := &spotBench{spots: make([]Spot, workers), asleep: make([]atomicx.Bool, workers), owners: make([]int, workers), want: producers}
		for range workers {
			b.idle.Join()
		}
		if change != nil {
			change(b)
		}
		returns := func() bool { return short || b.served == b.want }
		for i := range workers {
			m.Thread(fmt.Sprint("task", i), func() {
				if b.twice && !b.call(i, func() bool { return true }, b.drain) {
					return
				}
				b.call(i, returns, b.serve)
			})
		}
		for i := range producers {
			m.Thread(fmt.Sprint("producer", i), func() {
				b.queue.Add(1) // (Sleep-P1)
				b.wakeOne()    // (Sleep-P2, Sleep-P3)
			})
		}
		m.Thread("relief", func() {
			for {
				explore.Block("relief", func() bool { return b.reliefs > 0 || b.served == b.want || short })
				if b.reliefs == 0 {
					return
				}
				b.reliefs--
				b.relieveOne()
			}
		})
	}
}

func TestModelSpot(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: 3}, relieved(1, 1, false, nil))
	explore.Run(t, explore.Config{Preemptions: 2}, relieved(1, 2, false, nil))
	explore.Run(t, explore.Config{Preemptions: 2}, relieved(2, 1, false, nil))
	explore.Run(t, explore.Config{Preemptions: 2}, relieved(1, 1, true, nil))
	explore.Run(t, explore.Config{Preemptions: 3}, relieved(1, 1, true, func(b *spotBench) { b.again = true }))
	explore.Run(t, explore.Config{Preemptions: 2}, relieved(1, 2, false, func(b *spotBench) { b.twice = true }))
}

// A task that does not look for work after it has announced that it is inside a call leaves some
// behind.
func TestModelSpotWithoutLook(t *testing.T) {
	_, failure := explore.Check(explore.Config{Preemptions: 2}, relieved(1, 1, false, func(b *spotBench) { b.blind = true }))
	require.NotNil(t, failure)
	require.Contains(t, failure.Message, "blocked for ever")
}

// So does a relief that lowers the alert after it has looked.
func TestModelSpotLateLower(t *testing.T) {
	_, failure := explore.Check(explore.Config{Preemptions: 3}, relieved(1, 2, false, func(b *spotBench) { b.late, b.twice = true, true }))
	require.NotNil(t, failure)
	require.Contains(t, failure.Message, "blocked for ever")
}

// A relief that takes a worker without CAS takes it from a task that has it again.
func TestModelSpotWithoutCAS(t *testing.T) {
	_, failure := explore.Check(explore.Config{Preemptions: 3}, relieved(1, 1, true, func(b *spotBench) { b.weak = true }))
	require.NotNil(t, failure)
	require.Contains(t, failure.Message, "two have worker")
}
