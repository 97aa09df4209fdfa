package schedtest

import (
	"fmt"
	"os"
	"testing"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A Mode says how Run chooses the schedules.
type Mode uint8

const (
	// Mixed takes Random and PCT in turns, PCT with two depths. It is the default. Begin with it.
	Mixed Mode = iota
	// Random chooses, at each yield point, one of the tasks that can run, all with the same
	// probability.
	Random
	// PCT gives the tasks random priorities, and lowers one of them at Config.Depth-1 random steps.
	// It finds bugs that show only while a task is held up for long, which Random hardly does.
	PCT
	// DepthFirst goes through all schedules with at most Config.Preemptions preemptions. It is for
	// small bodies. If it has tried all of them, the test's log says so. If Config.Schedules is too
	// small for that, the test fails.
	DepthFirst
)

// Unbounded, as Config.Preemptions, means that there is no bound.
const Unbounded = -1

// Config says how to search. The zero Config means 1,000 schedules of Mixed.
type Config struct {
	Mode Mode

	// Schedules is how many schedules to try at most. 0 means 1,000, and 100,000 in DepthFirst.
	Schedules int

	// Depth is the depth of PCT: how many constraints on the order of steps a bug may need, if PCT
	// is to find it. PCT changes priorities at Depth-1 steps. 0 means 3.
	Depth int

	// Preemptions is how often a schedule of DepthFirst may take the turn from a task that could go
	// on: 0 or more, or Unbounded.
	Preemptions int

	// Steps is how many yield points one run may pass. A run that passes more fails as a livelock.
	// 0 means 10,000.
	Steps int

	// Seed selects the random choices. The same seed gives the same schedules in every process.
	Seed uint64

	// Faults says which faults may come. The default is none.
	Faults Faults

	// Options are options of the scheduler. Those for the number of workers, for pinning and for
	// the queue's limit have no effect. [scheduler.WithClock] is an error.
	Options []scheduler.Option
}

// config is a Config with its defaults, and the body.
type config struct {
	Config
	body func(c *task.Ctx)
}

// complete checks cfg and fills in its defaults.
func (cfg Config) complete(body func(c *task.Ctx)) *config {
	def := func(name string, n *int, value int) {
		if *n < 0 {
			panic(fmt.Sprintf("schedtest: Config.%s is %d: want 1 or more, or 0 for %d", name, *n, value))
		}
		if *n == 0 {
			*n = value
		}
	}
	if cfg.Mode > DepthFirst {
		panic(fmt.Sprintf("schedtest: Config.Mode is %d: want Mixed (0), Random (1), PCT (2) or DepthFirst (3)",
			uint8(cfg.Mode)))
	}
	if cfg.Preemptions < Unbounded {
		panic(fmt.Sprintf("schedtest: Config.Preemptions is %d: want 0 or more, or Unbounded (%d)",
			cfg.Preemptions, Unbounded))
	}
	schedules := 1_000
	if cfg.Mode == DepthFirst {
		schedules = 100_000
	}
	def("Schedules", &cfg.Schedules, schedules)
	def("Depth", &cfg.Depth, 3)
	def("Steps", &cfg.Steps, 10_000)
	cfg.Faults.check()
	return &config{Config: cfg, body: body}
}

// The environment variables that Run looks at.
const (
	envSchedule = "HEDDLE_SCHEDULE" // a schedule to run, instead of a search
	envTrace    = "HEDDLE_TRACE"    // a file to which to write the run that failed or was replayed
)

// Run runs body under one schedule after the other. Each time body is a task of a new scheduler, in
// a bubble of testing/synctest of its own. If a schedule fails, Run fails t with a report, by
// t.Fatal. body must be deterministic: see the package's documentation. Run blocks the calling
// goroutine, which is the test's. It panics if body is nil or a field of cfg is out of its range.
//
// If HEDDLE_SCHEDULE is set in the environment, Run runs that schedule alone, as Replay does. If
// HEDDLE_TRACE is set, Run writes the failing run to the file of that name, as JSON that Perfetto
// shows, with a row for each task and a microsecond for each step.
func Run(t *testing.T, cfg Config, body func(c *task.Ctx)) {
	t.Helper()
	checkBody("Run", body)
	c := cfg.complete(body)
	if text := os.Getenv(envSchedule); text != "" {
		replay(t, c, text)
		return
	}
	r := search(t, c)
	switch {
	case r.failed != nil:
		tell(t, r.failed, fmt.Sprintf("schedule %d of %d", r.schedules, c.Schedules))
	case c.Mode == DepthFirst && !r.complete:
		t.Fatalf("schedtest: %d schedules were not enough for all with %s preemptions: raise Config.Schedules, "+
			"or make the body or Config.Preemptions smaller", r.schedules, bound(c.Preemptions))
	case r.complete:
		t.Logf("schedtest: all %d schedules with %s preemptions, %d steps",
			r.schedules, bound(c.Preemptions), r.steps)
	default:
		t.Logf("schedtest: %d schedules, %d steps, seed %d", r.schedules, r.steps, c.Seed)
	}
}

// tell fails t with a report of f.
func tell(t *testing.T, f *failure, which string) {
	t.Helper()
	if err := writeTrace(t.Name(), f); err != nil {
		t.Error(err)
	}
	t.Fatal(report(t.Name(), f, which))
}

func bound(preemptions int) string {
	if preemptions == Unbounded {
		return "any number of"
	}
	return fmt.Sprintf("at most %d", preemptions)
}

// Replay runs body once, under a schedule that a failing test has printed. If the run fails, Replay
// fails t with a report. Otherwise Replay logs the steps. It panics if body is nil.
func Replay(t *testing.T, schedule string, body func(c *task.Ctx)) {
	t.Helper()
	checkBody("Replay", body)
	replay(t, Config{}.complete(body), schedule)
}

func replay(t *testing.T, cfg *config, text string) {
	t.Helper()
	s, err := parseSchedule(text)
	if err != nil {
		t.Fatal(err)
	}
	x := again(t, cfg, s, true, true)
	if x.fail == nil {
		t.Logf("schedtest: the schedule does not fail:\n%s", table(x.trace))
		if err := writeTrace(t.Name(), &failure{schedule: text, steps: x.trace}); err != nil {
			t.Error(err)
		}
		return
	}
	x.fail.schedule, x.fail.steps = text, x.trace
	tell(t, x.fail, "the schedule that was given")
}

// Fuzz lets the fuzzer choose the schedules of body: each byte of an input is the next choice. body
// gets the t of the input. HEDDLE_SCHEDULE and HEDDLE_TRACE work as in Run. Fuzz panics if body is
// nil.
func Fuzz(f *testing.F, body func(t *testing.T, c *task.Ctx)) {
	f.Helper()
	if body == nil {
		panic("schedtest: Fuzz with a nil body")
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		cfg := Config{}.complete(func(c *task.Ctx) { body(t, c) })
		if text := os.Getenv(envSchedule); text != "" {
			replay(t, cfg, text)
			return
		}
		s := cfg.schedule(0, make([]int, len(b)))
		for i, v := range b {
			s.choices[i] = int(v)
		}
		x := again(t, cfg, s, false, true)
		if x.fail != nil {
			x.fail.schedule = cfg.schedule(0, trim(x.choices)).String()
			x.fail.steps = x.trace
			tell(t, x.fail, "the input's schedule")
		}
	})
}
