// Package explore runs small concurrent programs under every schedule, or under many random ones,
// and reports the first schedule that fails.
//
// A model consists of a few threads and a final check. The threads are goroutines, but only one of
// them runs at any time. Each time that it comes to a scheduling point ([Point], or an operation of
// a type in package atomicx under the build tag heddle_model), the explorer decides which thread
// runs next. The code between two points is atomic, and the next thread to run sees everything that
// the last one did. So a model runs under sequential consistency, which is what Go's atomics
// promise. The explorer does not report races of plain accesses, because the race detector does
// that. It finds the effect of such a race if there are points between the accesses.
//
// The search is stateless, as in Musuvathi and Qadeer, "Iterative context bounding for systematic
// testing of multithreaded programs" (PLDI 2007). The explorer calls the setup anew for every
// schedule, and a schedule is just the list of the threads chosen. Therefore setup and threads must
// be deterministic: they must not use clocks or their own randomness, or range over maps. The
// explorer checks that the same choices lead to the same options again, and fails if they do not.
//
// # What a model must observe
//
// While threads run, no other goroutine of the process may come to a point. So a test that explores
// must not run in parallel with other tests of its package that use atomicx. A thread must not
// start goroutines, and may wait only by [Block]; otherwise the model would hang or race. A loop
// that waits for another thread to make progress must call [Yield], or better Block, in each turn,
// because otherwise the search never ends.
package explore

import (
	"fmt"
	"sync"
)

// Mode selects how schedules are chosen.
type Mode uint8

const (
	// DFS tries all schedules with at most Config.Preemptions preemptions, depth first.
	DFS Mode = iota
	// Uniform chooses uniformly among the enabled threads at each point.
	Uniform
	// PCT gives the threads random priorities, which change at a few random steps: Burckhardt et
	// al., "A randomized scheduler with probabilistic guarantees of finding bugs" (ASPLOS 2010). It
	// is better than Uniform at bugs that need a thread to be held up for long.
	PCT
)

// Unbounded, as Config.Preemptions, removes the bound.
const Unbounded = -1

// Config bounds an exploration. The zero Config explores, depth first, all schedules without
// preemption.
type Config struct {
	Mode Mode

	// Preemptions is how often a schedule may take the turn from a thread that could have gone on.
	// It applies only to DFS. Nearly all known bugs need no more than 2. The number of schedules
	// grows like the number of steps to the power of Preemptions.
	Preemptions int

	// MaxSchedules is the number of schedules to try. For DFS it is an upper bound, by default
	// 1,000,000. If DFS reaches it, Run fails, because the search is not complete. The random modes
	// run this number, by default 1,000.
	MaxSchedules int

	// MaxSteps bounds the points of one schedule. A schedule that needs more counts as a failure,
	// because it is a livelock or the model is too large. The default is 10,000.
	MaxSteps int

	// Patience is the number of steps in a row after which a thread yields to the others that could
	// run, as if it had called Yield. 0 means never. It is for code that polls until another thread
	// has gone on, and that cannot call Yield. It must be larger than any number of steps in a row
	// without a Yield that the exploration should try.
	Patience int

	// Seed selects the random choices. The same seed and model give the same schedules.
	Seed uint64

	// Changes is the number of steps in a schedule at which PCT changes priorities. The default is
	// 3.
	Changes int
}

// Stats reports the extent of an exploration.
type Stats struct {
	Schedules int // number of schedules run
	Steps     int // points passed, in all schedules
	Longest   int // points passed in the longest schedule
	// Complete reports whether all schedules within the bounds were run. It is always false in the
	// random modes.
	Complete bool
}

// A Model collects the threads of one run. The function given to Check or Run fills it in, and
// makes fresh shared state.
type Model struct {
	threads []*thread
	check   func() error
}

// Thread adds a thread. The report of a failure shows its name. Thread panics if the model has 64
// threads already.
func (m *Model) Thread(name string, run func()) {
	if len(m.threads) == maxThreads {
		panic(fmt.Sprintf("explore: more than %d threads in a model: leave some out", maxThreads))
	}
	m.threads = append(m.threads, &thread{
		id: len(m.threads), name: name, run: run, what: "start", resume: make(chan struct{}, 1),
	})
}

// Check sets the function that checks the state after all threads have finished. check may use the
// shared state freely, because points do nothing in it, as in the setup.
func (m *Model) Check(check func() error) { m.check = check }

// exploring admits one exploration at a time, because threads find their exploration through one
// global variable.
var exploring sync.Mutex

// Check explores the model within the bounds of cfg and stops at the first failure. It returns nil
// if no schedule failed.
func Check(cfg Config, setup func(*Model)) (Stats, *Failure) {
	exploring.Lock()
	defer exploring.Unlock()

	if cfg.MaxSteps <= 0 {
		cfg.MaxSteps = 10_000
	}
	var s Strategy
	switch cfg.Mode {
	case DFS:
		cfg.MaxSchedules = orDefault(cfg.MaxSchedules, 1_000_000)
		s = NewDepthFirst(cfg.Preemptions)
	case Uniform:
		cfg.MaxSchedules = orDefault(cfg.MaxSchedules, 1_000)
		s = NewUniform(cfg.Seed)
	case PCT:
		cfg.MaxSchedules = orDefault(cfg.MaxSchedules, 1_000)
		s = NewPriorities(cfg.Seed, orDefault(cfg.Changes, 3))
	default:
		panic("explore: unknown Mode: use DFS, Uniform or PCT")
	}

	var stats Stats
	for stats.Schedules < cfg.MaxSchedules {
		x := execute(s, cfg.MaxSteps, cfg.Patience, false, setup)
		stats.Schedules++
		stats.Steps += len(x.schedule)
		stats.Longest = max(stats.Longest, len(x.schedule))
		if x.failure != nil {
			return stats, explain(x.failure, cfg.MaxSteps, setup)
		}
		if !s.Next(len(x.schedule)) {
			stats.Complete = true
			break
		}
	}
	return stats, nil
}

func orDefault(n, def int) int {
	if n <= 0 {
		return def
	}
	return n
}

// explain runs a failing schedule again and records each step and its place in the source.
func explain(f *Failure, maxSteps int, setup func(*Model)) *Failure {
	if f.Kind == Diverged {
		return f
	}
	again := execute(&replay{schedule: f.Schedule}, maxSteps, 0, true, setup)
	if again.failure == nil || again.failure.Kind != f.Kind {
		f.Message += "\n(the schedule does not fail again: the model is not deterministic)"
		return f
	}
	return again.failure
}

// Replay runs the model under one schedule, as found in a Failure, and returns the resulting
// failure, or nil. If the schedule ends before the threads do, each thread runs to its end without
// preemption.
func Replay(s Schedule, setup func(*Model)) *Failure {
	exploring.Lock()
	defer exploring.Unlock()
	return execute(&replay{schedule: s}, 10*len(s)+10_000, 0, true, setup).failure
}

// TB is the part of testing.TB that Run uses.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Run explores the model. It ends the test if a schedule fails, or if the budget of schedules does
// not suffice for a complete search.
func Run(t TB, cfg Config, setup func(*Model)) Stats {
	t.Helper()
	stats, failure := Check(cfg, setup)
	if failure != nil {
		t.Fatalf("schedule %d: %v", stats.Schedules, failure)
	}
	if cfg.Mode == DFS && !stats.Complete {
		t.Fatalf("explore: %d schedules were not enough: raise MaxSchedules, or make the model or the number of preemptions smaller", stats.Schedules)
	}
	t.Logf("%d schedules, the longest of %d steps", stats.Schedules, stats.Longest)
	return stats
}
