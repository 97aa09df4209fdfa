package schedtest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/heddle-go/heddle/internal/explore"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// This is how a program is known to be one that explores: see rt.Slow.
func init() { rt.Slowly() }

// The strategies have the same.
var _ = [1]struct{}{}[Unbounded-explore.Unbounded]

// A result says what a search has done.
type result struct {
	schedules int
	steps     int // in all
	complete  bool
	failed    *failure // nil: no schedule has failed
}

// strategies returns the strategy of schedule k, counted from 0, and its name.
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

// search runs schedules until one fails, or all have been run.
func search(t *testing.T, cfg *config) (r result) {
	pick := strategies(cfg)
	for r.schedules < cfg.Schedules {
		s := pick(r.schedules)
		seed := cfg.Seed + uint64(r.schedules)
		if cfg.Mode == DepthFirst {
			seed = cfg.Seed
		}
		x := execute(t, cfg, s, seed, false)
		r.schedules++
		r.steps += x.steps
		if r.schedules == 1 && x.fail == nil { // the body may be one that no schedule describes
			if why := differs(x, again(t, cfg, cfg.schedule(seed, x.choices), true, false)); why != "" {
				r.failed = diverged(cfg.schedule(seed, x.choices), x.fail, why)
				return r
			}
		}
		if x.fail != nil {
			r.failed = explain(t, cfg, x)
			return r
		}
		if !s.Next(x.steps) {
			r.complete = true
			return r
		}
	}
	return r
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

// explain returns the failure of x, which has failed, as the shortest schedule shows it that is
// found.
func explain(t *testing.T, cfg *config, x *execution) *failure {
	s := cfg.schedule(x.seed, x.choices)
	if x.fail.kind == notDeterministic || x.fail.kind == goroutinesLeft {
		x.fail.schedule = s.String()
		return x.fail
	}
	byT := t.Failed()
	y := again(t, cfg, s, true, true)
	if byT { // no other run can be told from one that fails
		x.fail.schedule, x.fail.steps = s.String(), y.trace
		return x.fail
	}
	if why := differs(x, y); why != "" {
		return diverged(s, x.fail, why)
	}
	s, y = shrink(t, cfg, s, y)
	y.fail.schedule = s.String()
	y.fail.steps = y.trace
	return y.fail
}

// diverged is the failure of a schedule that has ended with f, which may be nil, and differs when
// it runs again.
func diverged(s schedule, f *failure, why string) *failure {
	end := "without a failure"
	if f != nil {
		end = fmt.Sprintf("so: %v: %s", f.kind, f.message)
	}
	return &failure{
		kind:     notDeterministic,
		schedule: s.String(),
		message: fmt.Sprintf("%s. The usual causes are ranging over a map, random numbers that are not "+
			"schedtest.Rand's, the real time, state that one run leaves to the next, and plain goroutines. "+
			"The first run ended %s", why, end),
	}
}

// differs says in what y, which ran by the schedule of x, differs from x, or returns "".
func differs(x, y *execution) string {
	switch {
	case y.fail == nil && x.fail != nil:
		return "the same schedule has failed, and then has not"
	case x.fail == nil && y.fail != nil:
		return fmt.Sprintf("the same schedule has not failed, and then has, with %v: %s", y.fail.kind, y.fail.message)
	case x.fail != nil && x.fail.kind != y.fail.kind:
		return fmt.Sprintf("the same schedule has failed in two ways, and then with %v: %s", y.fail.kind, y.fail.message)
	case x.print.Sum64() != y.print.Sum64() || x.steps != y.steps:
		return fmt.Sprintf("the same schedule has led to two runs, one of %d steps and one of %d", x.steps, y.steps)
	}
	return ""
}

// The bounds of a shrink, in executions: how many a depth-first search may take for each number of
// preemptions, and how many changes of a schedule are tried.
const (
	shrinkSearch = 200
	shrinkTries  = 400
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

// reduce tries simpler lists than *choices, which try replaces if it returns true, until none is
// better.
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

// trim leaves out the zeros at the end, which are what happens anyway.
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
