//go:build heddle_model

package engine

import (
	"context"
	"fmt"
	"testing"

	"github.com/heddle-go/heddle/internal/explore"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// An idleBench is a scheduler whose workers only find tasks and do not run them: the sleep protocol
// with everything that takes part in it. A worker that has found a task never comes back, as if a
// hog held it. So if there are as many workers as tasks, each task must be found, or a worker
// sleeps beside work.
type idleBench struct {
	*Scheduler
	want  int // tasks
	busy  int // other threads that have not ended
	held  map[*worker]bool
	taken map[*rt.Task]int
}

// work is a worker's life.
func (b *idleBench) work(w *worker) {
	w.fairNext()
	for {
		d := w.find(w.pick())
		if d != nil {
			b.taken[d]++
			b.held[w] = true
			return
		}
		if w.depart() {
			return
		}
	}
}

// quitWhenDone ends the workers that have found nothing. First it waits until all tasks have been
// found, the other threads have ended, and the workers that were told to leave have left.
func (b *idleBench) quitWhenDone() {
	explore.Block("all is done", func() bool {
		for _, w := range b.workers() {
			if w.member.Load() == wkLeaving && !b.held[w] {
				return false
			}
		}
		return len(b.taken) == b.want && b.busy == 0
	})
	b.quitWorkers()
}

// sleepers is a model of workers, and of goroutines that submit as many tasks as producers says.
func sleepers(workers int, producers []int, others ...func(b *idleBench)) func(*explore.Model) {
	return func(m *explore.Model) {
		b := &idleBench{Scheduler: newBare(workers), taken: map[*rt.Task]int{}, held: map[*worker]bool{}}
		b.shared.ReadyGoroutines.Store(1) // so that a searcher looks around once only
		for _, n := range producers {
			b.want += n
		}
		for i, w := range b.workers() {
			m.Thread(fmt.Sprint("worker", i), func() { b.work(w) })
		}
		for i, n := range producers {
			m.Thread(fmt.Sprint("producer", i), func() {
				for range n {
					b.Go(func(*task.Ctx) {})
				}
			})
		}
		for i, f := range others {
			b.busy++
			m.Thread(fmt.Sprint("other", i), func() {
				f(b)
				b.busy--
			})
		}
		m.Thread("end", b.quitWhenDone)
		m.Check(func() error {
			for _, n := range b.taken {
				if n != 1 {
					return fmt.Errorf("a task was found %d times", n)
				}
			}
			if !b.idle.Asleep() && b.idle.Searching() != 0 {
				return fmt.Errorf("%d searchers are left", b.idle.Searching())
			}
			return nil
		})
	}
}

// longPatience is for a worker that finds the injector's lock taken and looks again and again. A
// look takes about 80 steps.
const longPatience = 300

// exploreFinds explores a model of idleBench: all schedules with the given number of preemptions,
// and a thousand at random. find looks into all queues, which makes schedules long.
func exploreFinds(t *testing.T, preemptions int, model func(*explore.Model)) {
	t.Helper()
	explore.Run(t, explore.Config{Preemptions: preemptions, Patience: longPatience}, model)
	exploreAtRandom(t, model)
}

func exploreAtRandom(t *testing.T, model func(*explore.Model)) {
	t.Helper()
	explore.Run(t, explore.Config{Mode: explore.PCT, MaxSchedules: 1_000, Seed: 1, Patience: longPatience}, model)
}

// longer returns by how many preemptions to explore in short tests, and in long ones.
func longer(short, long int) int {
	if testing.Short() {
		return short
	}
	return long
}

func TestModelSleepWake(t *testing.T) {
	exploreFinds(t, longer(1, 2), sleepers(1, []int{1}))
	exploreFinds(t, longer(0, 1), sleepers(2, []int{2}))
	exploreFinds(t, 0, sleepers(2, []int{1, 1}))
	exploreFinds(t, 0, sleepers(3, []int{2, 1}))
}

// A worker may be told to leave at any moment, also while it sleeps, and the other workers take all
// tasks that it has not run.
func TestModelLeave(t *testing.T) {
	leave := func(b *idleBench) {
		if err := b.Resize(b.Workers() - 1); err != nil {
			explore.Failf("%v", err)
		}
	}
	exploreFinds(t, longer(0, 1), sleepers(2, []int{1}, leave))
	exploreAtRandom(t, sleepers(3, []int{1, 1}, leave))
}

// A pause may begin and end in the midst of it.
func TestModelPause(t *testing.T) {
	pause := func(b *idleBench) {
		if _, _, err := b.beginPause(&b.life); err != nil {
			explore.Failf("%v", err)
		}
		b.Resume()
	}
	exploreFinds(t, 1, sleepers(1, []int{1}, pause))
	exploreFinds(t, 0, sleepers(2, []int{1, 1}, pause))
}

// Pause hears that all workers sleep.
func TestModelPauseWaits(t *testing.T) {
	pause := func(b *idleBench) {
		if err := b.Pause(context.Background()); err != nil {
			explore.Failf("%v", err)
		}
		if !b.idle.Asleep() {
			explore.Failf("a worker does not sleep")
		}
		b.Resume()
	}
	exploreFinds(t, 1, sleepers(1, nil, pause))
	exploreFinds(t, 0, sleepers(2, nil, pause))
}
