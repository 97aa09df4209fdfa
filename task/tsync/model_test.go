//go:build heddle_model

package tsync

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/explore"
	"github.com/heddle-go/heddle/internal/fiber"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// A stage provides the tasks of a model. They are real descriptors, each alone on a worker that can
// only park. Where a scheduler would switch to another task, the model's thread blocks until its
// task is queued.
type stage struct {
	rt.Scheduler
	shared rt.Shared
	tasks  []*actor
	help   func() // the function of Assist, until a thread of the model takes it
}

// An actor is a task and the worker that it runs on.
type actor struct {
	rt.Host
	rt.Worker
	s      *stage
	d      *rt.Task
	c      *task.Ctx
	queued int // how often the task has been queued since it last ran
}

func newStage(n int) *stage {
	s := &stage{}
	s.shared.Sched = s
	for i := range n {
		a := &actor{s: s, d: &rt.Task{}}
		a.Worker.Host, a.Worker.Shared, a.Worker.Index = a, &s.shared, i
		a.Worker.Fib.Store(fiber.Adopt())
		a.d.Init(&a.Worker)
		a.d.Start("fn", nil)
		a.d.Run(&a.Worker)
		a.d.Flag().Grant(1000)
		a.c = (*task.Ctx)(a.d.Life())
		s.tasks = append(s.tasks, a)
	}
	return s
}

// Inject implements rt.Scheduler.
func (s *stage) Inject(d *rt.Task) {
	for _, a := range s.tasks {
		if a.d == d {
			if a.queued++; a.queued > 1 {
				explore.Failf("a task was queued twice")
			}
		}
	}
}

// Assist implements rt.Scheduler.
func (s *stage) Assist(f func()) { s.help = f }

// Local implements rt.Host.
func (a *actor) Local(d *rt.Task) { a.s.Inject(d) }

// Park implements rt.Host.
func (a *actor) Park(d *rt.Task, k rt.Park) {
	if !d.CommitPark(k) {
		return
	}
	explore.Block("park", func() bool { return a.queued > 0 })
	a.queued--
}

func (a *actor) cancel() {
	if _, queue := a.d.Cancel(a.d.Gen(), rt.Default); queue {
		a.s.Inject(a.d)
	}
}

// random explores schedules at random. It is for models that are too large for a complete search,
// and for schedules beyond the bound of one.
var random = explore.Config{Mode: explore.PCT, MaxSchedules: 5_000, Seed: 1}

// exploreBoth explores all schedules with at most the given number of preemptions, and random ones.
func exploreBoth(t *testing.T, preemptions int, setup func(*explore.Model)) {
	t.Helper()
	explore.Run(t, explore.Config{Preemptions: preemptions}, setup)
	explore.Run(t, random, setup)
}

func requireCaught(t *testing.T, setup func(*explore.Model)) *explore.Failure {
	t.Helper()
	_, failure := explore.Check(explore.Config{Preemptions: 2}, setup)
	require.NotNil(t, failure, "the planted bug was not caught")
	t.Logf("%v: %s", failure.Kind, failure.Message)
	return failure
}
