// Package explore runs small concurrent programs under every schedule, or under many random ones, and reports the first that fails.
//
// A model is a handful of threads and a final check. The threads are goroutines, but only one of them runs at any time: each
// time it comes to a scheduling point ([Point], or an operation of a type in package atomicx under the tag heddle_model) the explorer
// decides who runs next. Everything between two points is atomic, and what one thread does is seen by the next to run; so the
// memory model is sequential consistency, which is what Go's atomics promise. Plain accesses that race are not
// seen as races (the race detector is for that), only as far as points stand around them.
//
// The search is stateless, as in Musuvathi and Qadeer, "Iterative context bounding for systematic testing of multithreaded programs" (PLDI 2007): the
// setup is called anew for every schedule, and a schedule is nothing but the list of the threads chosen. Therefore setup and threads must be
// deterministic: no clocks, no randomness of their own, no ranging over maps. The explorer checks that a prefix of choices meets
// the same options again, and fails if not.
//
// # What a model must observe
//
// While threads run, no other goroutine of the process may come to a point: tests that explore must not be parallel with others of
// their package that use atomicx. A thread that starts goroutines, or waits for something by other means than [Block], is outside the model
// and will hang or race. A loop that waits for another thread to make progress must call [Yield] (or better, Block) in each turn, or the search never ends.
package explore

import (
	"fmt"
	"sync"
)

// Mode is how schedules are chosen.
type Mode uint8

const (
	// DFS goes through all schedules with at most Config.Preemptions preemptions, depth first.
	DFS Mode = iota
	// Uniform chooses uniformly among the enabled threads at each point.
	Uniform
	// PCT gives the threads random priorities, which change at a few random steps: Burckhardt et al., "A randomized scheduler
	// with probabilistic guarantees of finding bugs" (ASPLOS 2010). Better than Uniform at bugs that need a thread to be held up for long.
	PCT
)

// Unbounded as Config.Preemptions lifts the bound.
const Unbounded = -1

// Config bounds an exploration. The zero Config explores, depth first, all schedules without preemption.
type Config struct {
	Mode Mode

	// Preemptions is how often a schedule may take the turn from a thread that could have gone on. DFS only. Nearly all
	// known bugs need no more than 2; the number of schedules grows with steps^Preemptions.
	Preemptions int

	// MaxSchedules is the number of schedules to try. In DFS it is a budget, by default 1,000,000, and running out of it
	// makes Run fail, since the search is then not complete. In the random modes, by default 1,000, it is the work to be done.
	MaxSchedules int

	// MaxSteps is the length of one schedule, in points, that counts as a failure: a livelock, or a model that is too large. Default 10,000.
	MaxSteps int

	// Patience is after how many steps in a row a thread yields to the others that could run, as if it had called Yield; 0 is
	// never. It is for code that looks again and again until another thread has gone on, and cannot be given a Yield. It must be
	// longer than any run of steps that is of interest by itself.
	Patience int

	// Seed selects the random choices. The same seed and model give the same schedules.
	Seed uint64

	// Changes is the number of steps in a schedule at which PCT changes priorities. Default 3.
	Changes int
}

// Stats says what an exploration has done.
type Stats struct {
	Schedules int  // schedules run
	Steps     int  // points passed, in all of them
	Longest   int  // points in the longest one
	Complete  bool // all schedules within the bounds were run; always false in the random modes
}

// A Model collects the threads of one run. The function given to Check or Run fills it in, together with fresh shared state.
type Model struct {
	threads []*thread
	check   func() error
}

// Thread adds a thread. Names appear in the report of a failure.
func (m *Model) Thread(name string, run func()) {
	if len(m.threads) == maxThreads {
		panic(fmt.Sprintf("explore: more than %d threads in a model: leave some out", maxThreads))
	}
	m.threads = append(m.threads, &thread{
		id: len(m.threads), name: name, run: run, what: "start", resume: make(chan struct{}, 1),
	})
}

// Check sets the function that judges the state after all threads have finished. It may use the shared state freely: points
// mean nothing there, nor do they in the setup.
func (m *Model) Check(check func() error) { m.check = check }

// exploring admits one exploration at a time: threads find theirs through one global variable.
var exploring sync.Mutex

// Check explores the model within the bounds of cfg and stops at the first failure, which is nil if there was none.
func Check(cfg Config, setup func(*Model)) (Stats, *Failure) {
	exploring.Lock()
	defer exploring.Unlock()

	if cfg.MaxSteps <= 0 {
		cfg.MaxSteps = 10_000
	}
	var s strategy
	switch cfg.Mode {
	case DFS:
		cfg.MaxSchedules = orDefault(cfg.MaxSchedules, 1_000_000)
		s = &depthFirst{bound: cfg.Preemptions}
	case Uniform:
		cfg.MaxSchedules = orDefault(cfg.MaxSchedules, 1_000)
		s = newUniform(cfg.Seed)
	case PCT:
		cfg.MaxSchedules = orDefault(cfg.MaxSchedules, 1_000)
		s = newPriorities(cfg.Seed, orDefault(cfg.Changes, 3))
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
		if !s.next(len(x.schedule)) {
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

// explain runs a failing schedule once more, now noting each step and where it is in the source.
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

// Replay runs the model under one schedule, as found in a Failure, and returns the failure that results, or nil. Where the schedule
// ends before the threads do, each of them runs on to its end.
func Replay(s Schedule, setup func(*Model)) *Failure {
	exploring.Lock()
	defer exploring.Unlock()
	return execute(&replay{schedule: s}, 10*len(s)+10_000, 0, true, setup).failure
}

// TB is the part of testing.TB that Run needs.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Run explores the model and ends the test if a schedule fails, or if the budget of schedules does not suffice for a complete search.
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
