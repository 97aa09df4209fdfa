package schedtest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/heddle-go/heddle/internal/explore"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// In a program that imports this package, heddle's operations take their slow paths: see rt.Slow.
func init() { rt.Slowly() }

// Unbounded has the value of explore.Unbounded, because strategies passes it on to package explore.
var _ = [1]struct{}{}[Unbounded-explore.Unbounded]

// A result is the result of a search.
type result struct {
	schedules int
	steps     int      // of all schedules together
	complete  bool     // there are no more schedules
	failed    *failure // nil: no schedule has failed
}

// strategies returns a function that returns the strategy of schedule k, counted from 0.
func strategies(cfg *config) func(k int) explore.Strategy {
	only := func(s explore.Strategy) func(int) explore.Strategy {
		return func(int) explore.Strategy { return s }
	}
	switch cfg.Mode {
	case Random:
		return only(explore.NewUniform(cfg.Seed))
	case PCT:
		return only(explore.NewPriorities(cfg.Seed, cfg.Depth-1))
	case DepthFirst:
		return only(explore.NewDepthFirst(cfg.Preemptions))
	}
	all := []explore.Strategy{
		explore.NewUniform(cfg.Seed), explore.NewPriorities(cfg.Seed, 2),
		explore.NewUniform(cfg.Seed + 1), explore.NewPriorities(cfg.Seed+1, 4),
	}
	return func(k int) explore.Strategy { return all[k%len(all)] }
}

// search runs schedules until one fails, or all have been run. If one fails, the result has the
// failure that explain returns.
func search(t *testing.T, cfg *config) result {
	r, x := hunt(t, cfg)
	if x != nil {
		r.failed = explain(t, cfg, x)
	}
	return r
}

// hunt is search without explain. It returns the execution that has failed, or nil. If hunt has
// found that the body is not deterministic, r.failed says so, and x is nil.
func hunt(t *testing.T, cfg *config) (r result, x *execution) {
	pick := strategies(cfg)
	for r.schedules < cfg.Schedules {
		s := pick(r.schedules)
		seed := cfg.Seed + uint64(r.schedules)
		if cfg.Mode == DepthFirst {
			seed = cfg.Seed
		}
		x = execute(t, cfg, s, seed, false)
		r.schedules++
		r.steps += x.steps
		if r.schedules == 1 && x.fail == nil { // check whether the body is deterministic
			if why := differs(x, again(t, cfg, cfg.schedule(seed, x.choices), true, false)); why != "" {
				r.failed = diverged(cfg.schedule(seed, x.choices), x.fail, why)
				return r, nil
			}
		}
		if x.fail != nil {
			return r, x
		}
		if !s.Next(x.steps) {
			r.complete = true
			return r, nil
		}
	}
	return r, nil
}

// schedule returns the schedule with the given choices.
func (cfg *config) schedule(seed uint64, choices []int) schedule {
	return schedule{seed: seed, steps: cfg.Steps, faults: cfg.Faults, choices: choices}
}

// again runs a schedule once more.
func again(t *testing.T, cfg *config, s schedule, strict, traced bool) *execution {
	c := *cfg
	c.Steps, c.Faults = s.steps, s.faults
	return execute(t, &c, &script{choices: s.choices, strict: strict}, s.seed, traced)
}

// explain looks for the shortest schedule that fails as x has failed, and returns that schedule's
// failure. If a second run of x differs, it returns a failure that says so.
func explain(t *testing.T, cfg *config, x *execution) *failure {
	s := cfg.schedule(x.seed, x.choices)
	if x.fail.kind == notDeterministic || x.fail.kind == goroutinesLeft {
		x.fail.schedule = s.String()
		return x.fail
	}
	byT := t.Failed()
	y := again(t, cfg, s, true, true)
	if byT { // t has failed for good, so execute would take every other run for one that fails
		x.fail.schedule, x.fail.steps = s.String(), y.trace
		return x.fail
	}
	if why := differs(x, y); why != "" {
		return diverged(s, x.fail, why)
	}
	s, y = shrink(t, cfg, s, y)
	y.fail.schedule = s.String()
	y.fail.steps = y.trace
	y.fail.shrunk = true
	return y.fail
}

// diverged returns the failure of a schedule whose second run differs from the first. f is the
// failure of the first run, or nil.
func diverged(s schedule, f *failure, why string) *failure {
	end := "without a failure"
	if f != nil {
		end = fmt.Sprintf("so: %v: %s", f.kind, f.message)
	}
	return &failure{
		kind:     notDeterministic,
		schedule: s.String(),
		message: fmt.Sprintf("%s. The usual causes are ranging over a map, random numbers that do not "+
			"come from schedtest.Rand, the real time, state that one run leaves to the next, and plain "+
			"goroutines. The first run ended %s", why, end),
	}
}

// differs says how y, the second run of the schedule of x, differs from x. It returns "" if y does
// not differ.
func differs(x, y *execution) string {
	switch {
	case y.fail == nil && x.fail != nil:
		return "the same schedule has failed, and then has not"
	case x.fail == nil && y.fail != nil:
		return fmt.Sprintf("the same schedule has not failed, and then has, with %v: %s",
			y.fail.kind, y.fail.message)
	case x.fail != nil && x.fail.kind != y.fail.kind:
		return fmt.Sprintf("the same schedule has failed in two ways, with %v and then with %v: %s",
			x.fail.kind, y.fail.kind, y.fail.message)
	case x.print.Sum64() != y.print.Sum64() || x.steps != y.steps:
		return fmt.Sprintf("the same schedule has led to two runs, one of %d steps and one of %d",
			x.steps, y.steps)
	}
	return ""
}

// These bound the executions of shrink.
const (
	shrinkSearch = 200 // runs of the depth-first search, for each number of preemptions
	shrinkTries  = 400 // runs of a changed schedule, in all
)

// shrink looks for a schedule with the failure of x that has fewer preemptions, and then fewer
// steps.
func shrink(t *testing.T, cfg *config, s schedule, x *execution) (schedule, *execution) {
	take := func(y *execution) bool {
		if y.fail == nil || y.fail.kind != x.fail.kind || !shorter(y, x) {
			return false
		}
		x, s.choices = y, trim(y.choices)
		return true
	}
	tries := 0
	try := func(choices []int) bool {
		tries++
		return tries <= shrinkTries && take(again(t, cfg, cfg.schedule(s.seed, choices), false, true))
	}
	s.choices = trim(s.choices)
	reduce(&s.choices, try)
	d := *cfg
	d.Mode = DepthFirst
	for bound := 0; bound < x.preemptions; bound++ {
		dfs := explore.NewDepthFirst(bound)
		for range shrinkSearch {
			y := execute(t, &d, dfs, s.seed, true)
			if take(y) || !dfs.Next(y.steps) {
				break
			}
		}
	}
	reduce(&s.choices, try)
	return s, x
}

// reduce tries simpler lists than *choices until no simpler list is better. If try returns true,
// the list was better, and try has replaced *choices by the choices of its run.
func reduce(choices *[]int, try func(choices []int) bool) {
	for better := true; better; {
		better = false
		for cut := len(*choices) / 2; cut > 0; cut /= 2 { // leave out the end
			for len(*choices) >= cut && try((*choices)[:len(*choices)-cut]) {
				better = true
			}
		}
		for i := 0; i < len(*choices); i++ {
			if (*choices)[i] == 0 {
				continue
			}
			c := slices.Clone(*choices)
			c[i] = 0 // let the running task go on
			better = try(c) || i < len(*choices) && try(slices.Delete(slices.Clone(*choices), i, i+1)) || better
		}
	}
}

// shorter reports whether x is shorter than y: by its faults, preemptions, steps and choices, in
// this order.
func shorter(x, y *execution) bool {
	a := [...]int{x.suffered, x.preemptions, x.steps, len(trim(x.choices)), sum(x.choices)}
	b := [...]int{y.suffered, y.preemptions, y.steps, len(trim(y.choices)), sum(y.choices)}
	return slices.Compare(a[:], b[:]) < 0
}

func sum(s []int) (n int) {
	for _, v := range s {
		n += v
	}
	return n
}

// trim leaves out the zeros at the end. A missing choice is 0 anyway.
func trim(choices []int) []int {
	n := len(choices)
	for n > 0 && choices[n-1] == 0 {
		n--
	}
	return choices[:n]
}

// checkBody panics if body is nil.
func checkBody(call string, body func(c *task.Ctx)) {
	if body == nil {
		panic("schedtest: " + call + " with a nil body")
	}
}
