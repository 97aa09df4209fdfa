package scheduler

import (
	"fmt"

	"github.com/heddle-go/heddle/internal/engine"
	"github.com/heddle-go/heddle/task"
)

// A LatencyMode says how many tasks [WithLatencies] measures.
type LatencyMode uint8

const (
	// Sampled measures about one in 250 dispatches of each worker.
	Sampled LatencyMode = 1 + iota
	// Exact measures every dispatch. It reads the clock two or three times for each.
	Exact
)

// String returns "sampled" or "exact".
func (m LatencyMode) String() string {
	switch m {
	case Sampled:
		return "sampled"
	case Exact:
		return "exact"
	}
	return fmt.Sprintf("LatencyMode(%d)", uint8(m))
}

// MarshalText returns [LatencyMode.String], for log/slog and encoding/json. It never fails.
func (m LatencyMode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// MaxLatencyNames is the largest limit that [WithLatenciesByName] takes.
const MaxLatencyNames = 1000

// WithLatencies has the scheduler measure latencies: how long tasks wait in queues and run, how
// late timers are, and how long waking a worker takes. [Scheduler.Stats] has them, by level.
//
// Without the option nothing is measured, and that costs nothing. [Sampled] measures one task in a
// few hundred dispatches. [Exact] measures all tasks, and reads the clock two or three times for
// each dispatch. All timers and wake-ups are measured in both modes. Each worker needs about 20 KB.
// BenchmarkLooking in the folder benchmarks shows what both modes cost.
func WithLatencies(m LatencyMode) Option {
	return optionFunc(func(c *config) error {
		if m != Sampled && m != Exact {
			return fmt.Errorf("scheduler: WithLatencies(%d): want Sampled (1) or Exact (2)", uint8(m))
		}
		c.Latencies = engine.LatencyMode(m)
		return nil
	})
}

// WithLatenciesByName adds to [WithLatencies], which must be given too, the latencies by
// [task.Name]. It keeps up to n names, 1 to [MaxLatencyNames], the first that come; tasks with
// further names are counted together. Each name needs 5 KB on each worker that runs a task with it,
// and each measured dispatch of a task with a name looks the name up.
func WithLatenciesByName(n int) Option {
	return optionFunc(func(c *config) error {
		if n < 1 || n > MaxLatencyNames {
			return fmt.Errorf("scheduler: WithLatenciesByName(%d): want 1 to %d", n, MaxLatencyNames)
		}
		c.LatencyNames = n
		return nil
	})
}

// Latencies are the distributions that a scheduler with [WithLatencies] keeps. They only grow, from
// one call of [Scheduler.Stats] to the next.
type Latencies struct {
	// Mode is the mode that the option has set. If it is Sampled, Levels, Names and Other only
	// count the tasks that were sampled.
	Mode LatencyMode

	// Levels has the latencies of the tasks of each level, indexed by [task.Level].
	Levels [3]TaskLatencies

	// Names has the latencies of tasks by their names, and Other those of all tasks whose names
	// came after the limit was reached. Both are empty without [WithLatenciesByName], and leave out
	// tasks without a name.
	Names map[string]TaskLatencies
	Other TaskLatencies

	Timers Histogram // how much later than due each timer was fired
	Wakes  Histogram // how long it took from the decision to wake a worker until the worker ran
}

// TaskLatencies are the latencies of some tasks.
type TaskLatencies struct {
	// Queue is how long tasks wait for a worker: from when a task becomes runnable, because it was
	// started, was woken or gave way, until a worker runs it.
	Queue Histogram
	// Dispatch is how long tasks keep their workers: from when a worker begins to run a task until
	// the task gives way, waits or ends. A task that gives way while no other can run goes on, and
	// that counts as a new dispatch.
	Dispatch Histogram
}

// All returns the latencies of all levels together.
func (l *Latencies) All() TaskLatencies {
	var all TaskLatencies
	for _, at := range [...]task.Level{task.Normal, task.High, task.Low} {
		all.Queue = all.Queue.Merge(l.Levels[at].Queue)
		all.Dispatch = all.Dispatch.Merge(l.Levels[at].Dispatch)
	}
	return all
}

// latenciesOf returns what the engine has measured, or nil if it measures nothing.
func latenciesOf(r *engine.Reader) *Latencies {
	m := r.Latencies()
	if m == nil {
		return nil
	}
	of := func(t engine.TaskLatencies) TaskLatencies {
		return TaskLatencies{Histogram{t.Queue}, Histogram{t.Dispatch}}
	}
	l := &Latencies{Mode: LatencyMode(m.Mode), Other: of(m.Other), Timers: Histogram{m.Timers}, Wakes: Histogram{m.Wakes}}
	for i, t := range m.Levels {
		l.Levels[i] = of(t)
	}
	if m.Names != nil {
		l.Names = make(map[string]TaskLatencies, len(m.Names))
		for name, t := range m.Names {
			l.Names[name] = of(t)
		}
	}
	return l
}
