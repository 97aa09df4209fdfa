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
	if b.idle.needsWake() {
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
	for {
		if b.take() {
			if searching && b.idle.stopSearch() && !b.deaf && b.queue.Load() > 0 {
				b.wakeOne() // (W5)
			}
			return
		}
		if !searching {
			searching = b.idle.trySearch()
		}
		if searching && b.queue.Load() > 0 {
			continue
		}
		saw := b.late && b.queue.Load() > 0
		b.idle.sleep(id, searching) // (W2)
		searching = true
		if !b.late {
			saw = b.queue.Load() > 0 // (W3)
		}
		if saw && b.idle.unsleep(id) {
			continue
		}
		explore.Block("park", func() bool { return b.tokens[id] || b.taken == b.want }) // (W4)
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
		b.idle.n = workers
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
