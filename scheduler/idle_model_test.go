//go:build heddle_model

package scheduler

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/explore"
)

// An idleBench is the sleep/wake protocol with a counter for a queue: the workers of find.go without
// what they work on.
type idleBench struct {
	idle   idleSet
	queue  atomicx.Int64
	tokens []bool // wake-ups that are on their way
	taken  int
	want   int
	late   bool // the mutant: look before announcing, not after
	deaf   bool // the mutant: the last searcher that found something does not look for more

	paused  atomicx.Bool
	first   worker // worker 0, of which only member is used
	shrinks bool   // worker 0 is told to leave; it must not sleep for ever
	rude    bool   // the mutant: a worker leaves without looking for work that no other worker has seen
	hasty   bool   // the mutant: Resume wakes those who sleep, and lifts the pause only then
}

func (b *idleBench) take() bool {
	for {
		n := b.queue.Load()
		if n == 0 {
			return false
		}
		if b.queue.CompareAndSwap(n, n-1) {
			b.taken++
			return true
		}
	}
}

func (b *idleBench) wakeOne() {
	if b.idle.needsWake() && !b.paused.Load() {
		if id, ok := b.idle.claim(); ok {
			b.tokens[id] = true
		}
	}
}

func (b *idleBench) produce() {
	b.queue.Add(1) // (P1)
	b.wakeOne()    // (P2, P3)
}

// work is find and sleep. A worker runs one task and, as one with a hog, never comes back.
func (b *idleBench) work(id int) {
	searching := false
	leaving := func() bool { return id == 0 && b.first.leaving() }
	for {
		paused := b.paused.Load()
		if leaving() {
			if searching && b.idle.stopSearch() && !b.rude && b.queue.Load() > 0 {
				b.wakeOne() // (W5)
			}
			b.idle.leave(func() bool { return true })
			return
		}
		if !paused && b.take() {
			if searching && b.idle.stopSearch() && !b.deaf && b.queue.Load() > 0 {
				b.wakeOne() // (W5)
			}
			return
		}
		if !paused && !searching {
			searching = b.idle.trySearch()
		}
		if !paused && searching && b.queue.Load() > 0 {
			continue
		}
		saw := b.late && b.queue.Load() > 0
		b.idle.sleep(id, searching) // (W2)
		searching = true
		if !b.late {
			saw = !b.paused.Load() && b.queue.Load() > 0 // (W3)
		}
		if (saw || leaving()) && b.idle.unsleep(id) {
			continue
		}
		explore.Block("park", func() bool { // (W4)
			return b.tokens[id] || b.taken == b.want && !(b.shrinks && id == 0)
		})
		if !b.tokens[id] {
			return // nothing will come any more
		}
		b.tokens[id] = false
	}
}

// sleepers are as many workers as there are tasks, and each task is one that a worker must not wait
// with: all must be taken, or somebody sleeps beside work.
func sleepers(workers int, producers []int, change func(b *idleBench)) func(*explore.Model) {
	return func(m *explore.Model) {
		b := &idleBench{tokens: make([]bool, workers)}
		b.idle.n.Store(int64(workers))
		for _, n := range producers {
			b.want += n
		}
		if change != nil {
			change(b)
		}
		for i := range workers {
			m.Thread(fmt.Sprint("worker", i), func() { b.work(i) })
		}
		for i, n := range producers {
			m.Thread(fmt.Sprint("producer", i), func() {
				for range n {
					b.produce()
				}
			})
		}
		m.Check(func() error {
			if b.taken != b.want {
				return fmt.Errorf("%d of %d tasks taken", b.taken, b.want)
			}
			return nil
		})
	}
}

func TestModelSleepWake(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: 3}, sleepers(1, []int{1}, nil))
	explore.Run(t, explore.Config{Preemptions: 2}, sleepers(2, []int{2}, nil))
	explore.Run(t, explore.Config{Preemptions: 2}, sleepers(2, []int{1, 1}, nil))
	explore.Run(t, explore.Config{Mode: explore.PCT, MaxSchedules: 5_000, Seed: 1}, sleepers(3, []int{2, 1}, nil))
}

// A worker that looks for work before it announces that it sleeps, not after, sleeps beside work.
func TestModelSleepWithoutRecheck(t *testing.T) {
	_, failure := explore.Check(explore.Config{Preemptions: 2}, sleepers(1, []int{1}, func(b *idleBench) { b.late = true }))
	require.NotNil(t, failure)
	require.Equal(t, explore.Deadlock, failure.Kind)
}

// So does one if the last searcher, having found something, does not wake another for what else there is.
func TestModelLastSearcherDoesNotPassOn(t *testing.T) {
	_, failure := explore.Check(explore.Config{Preemptions: 2}, sleepers(2, []int{2}, func(b *idleBench) { b.deaf = true }))
	require.NotNil(t, failure)
	require.Equal(t, explore.Deadlock, failure.Kind)
}

// resize is R1 and R2 for worker 0.
func (b *idleBench) resize() {
	if b.first.dismiss(&b.idle) {
		b.tokens[0] = true
	}
}

// A worker may leave at any moment: it hears of it in its sleep too, and the others take all tasks that it has not.
func shrinks(workers int, producers []int, change func(b *idleBench)) func(*explore.Model) {
	return func(m *explore.Model) {
		var b *idleBench
		sleepers(workers, producers, func(x *idleBench) {
			b = x
			b.shrinks = true
			if change != nil {
				change(b)
			}
		})(m)
		m.Thread("resize", func() { b.resize() })
	}
}

func TestModelLeave(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: 2}, shrinks(2, []int{1}, nil))
	explore.Run(t, explore.Config{Mode: explore.PCT, MaxSchedules: 5_000, Seed: 1}, shrinks(3, []int{1, 1}, nil))
}

// A searcher that leaves without another look may be the one that a producer has counted on.
func TestModelLeaveWithoutLooking(t *testing.T) {
	_, failure := explore.Check(explore.Config{Preemptions: 3}, shrinks(2, []int{1}, func(b *idleBench) { b.rude = true }))
	require.NotNil(t, failure)
	require.Equal(t, explore.Deadlock, failure.Kind)
}

// pauses is a pause that begins and ends in the midst of it.
func pauses(workers int, producers []int, change func(b *idleBench)) func(*explore.Model) {
	return func(m *explore.Model) {
		var b *idleBench
		sleepers(workers, producers, func(x *idleBench) {
			b = x
			if change != nil {
				change(b)
			}
		})(m)
		m.Thread("pauser", func() {
			b.paused.Store(true)
			lift := func() { b.paused.Store(false) } // (U1)
			if !b.hasty {
				lift()
			}
			for _, id := range b.idle.claimAll() { // (U2)
				b.tokens[id] = true
			}
			if b.hasty {
				lift()
			}
		})
	}
}

func TestModelPause(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: 3}, pauses(1, []int{1}, nil))
	explore.Run(t, explore.Config{Mode: explore.PCT, MaxSchedules: 5_000, Seed: 1}, pauses(2, []int{1, 1}, nil))
}

// A Resume that wakes the workers first finds some asleep again when it lifts the pause.
func TestModelResumeInTheWrongOrder(t *testing.T) {
	_, failure := explore.Check(explore.Config{Preemptions: 2}, pauses(1, []int{1}, func(b *idleBench) { b.hasty = true }))
	require.NotNil(t, failure)
	require.Equal(t, explore.Deadlock, failure.Kind)
}
