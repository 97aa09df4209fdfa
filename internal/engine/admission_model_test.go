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

// An admissionBench is a scheduler with a limit and the policy Block, whose submitters are
// goroutines. Its worker only takes tasks from the injector, and each task ends when it is taken.
type admissionBench struct {
	*Scheduler
	subs  []*modelSubmission
	stuck bool // the worker is held by a hog once the phase is past open
}

type modelSubmission struct {
	returned bool
	refused  bool
	ran      int
}

// submit makes one submission and notes what became of it.
func (t *admissionBench) submit(s *modelSubmission) {
	var waitCtx context.Context // none: see submitter
	d, gen, err := t.request(waitCtx, func(*task.Ctx) { s.ran++ }, nil)
	s.refused = err != nil || !d.Status().Live(gen) // the worker ends no task
	s.returned = true
}

// cancel cancels the task of the submitter that has waited for longest.
func (t *admissionBench) cancel() {
	if b := t.inj.FirstBlocked(); b != nil {
		b.Abandon()
	}
}

// work takes submissions until all have had their outcome.
func (t *admissionBench) work() {
	over := func() bool {
		if t.stuck && t.phase.Load() != phaseOpen {
			return true
		}
		for _, s := range t.subs {
			if !s.returned {
				return false
			}
		}
		return t.inj.Empty()
	}
	for {
		explore.Block("work", func() bool { return !t.inj.Empty() || over() })
		if over() {
			return
		}
		if n := t.inj.Reserved(); n > t.cfg.QueueLimit {
			explore.Failf("%d have room, above the limit of %d", n, t.cfg.QueueLimit)
		}
		if d, _ := t.inj.PopLevel(rt.Normal); d != nil {
			d.Fn().(func(*task.Ctx))(nil)
			t.exit()
		}
	}
}

// admissions is a model of n submitters beside a worker.
func admissions(limit, n int, stuck bool, others ...func(t *admissionBench)) func(*explore.Model) {
	return func(m *explore.Model) {
		t := &admissionBench{Scheduler: newBare(1, withQueueLimit(limit, Block)), stuck: stuck}
		for i := range n {
			s := &modelSubmission{}
			t.subs = append(t.subs, s)
			m.Thread(fmt.Sprint("submitter", i), func() { t.submit(s) })
		}
		m.Thread("worker", t.work)
		for i, f := range others {
			m.Thread(fmt.Sprint("other", i), func() { f(t) })
		}
		m.Check(func() error {
			queued := 0
			for i, s := range t.subs {
				if s.ran > 1 || s.ran == 1 && s.refused {
					return fmt.Errorf("submission %d: ran %d times, refused: %v", i, s.ran, s.refused)
				}
				if s.ran == 0 && !s.refused {
					queued++
				}
			}
			if queued > 0 && !t.stuck {
				return fmt.Errorf("%d submissions have no outcome", queued)
			}
			if n := t.inj.Reserved(); int(t.live.Load()) != queued || n != queued || t.inj.Len() != queued {
				return fmt.Errorf("%d queued, but %d are live, %d have room, %d are in the queue", queued, t.live.Load(), n, t.inj.Len())
			}
			if n := t.shared.ReadyGoroutines.Load(); n != 0 {
				return fmt.Errorf("%d submitters are still counted in ReadyGoroutines", n)
			}
			return nil
		})
	}
}

func TestModelBlock(t *testing.T) {
	drain := func(t *admissionBench) { t.drain() }
	if !testing.Short() {
		explore.Run(t, explore.Config{Preemptions: 2}, admissions(1, 2, false))
	}
	explore.Run(t, explore.Config{Preemptions: 1}, admissions(1, 2, false, (*admissionBench).cancel))
	explore.Run(t, explore.Config{Preemptions: 1}, admissions(1, 2, false, drain))
	explore.Run(t, explore.Config{Preemptions: 1}, admissions(1, 2, true, drain))
	for _, limit := range []int{1, 2} {
		explore.Run(t, explore.Config{Mode: explore.PCT, MaxSchedules: 2_000, Seed: 1}, admissions(limit, 3, false))
		explore.Run(t, explore.Config{Mode: explore.PCT, MaxSchedules: 2_000, Seed: 1},
			admissions(limit, 3, false, (*admissionBench).cancel, drain))
	}
}

// A task is submitted while Shutdown begins and the only worker sleeps. Either the task is
// accepted, and the scheduler is not quiet before it has run. Or it is refused, and the party that
// acts last finds the scheduler quiet.
func TestModelEnter(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: 3}, func(m *explore.Model) {
		s := newBare(1)
		s.workers()[0].announce()
		var err error
		var waitCtx context.Context // none
		m.Thread("submits", func() { _, _, err = s.request(waitCtx, func(*task.Ctx) {}, nil) })
		m.Thread("shuts down", s.drain)
		m.Check(func() error {
			quiet := false
			select {
			case <-s.quiet:
				quiet = true
			default:
			}
			if quiet == (err == nil) {
				return fmt.Errorf("the submission says: %v; quiet: %v", err, quiet)
			}
			return nil
		})
	})
}
