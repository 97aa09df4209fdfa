package explore

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// A strategy chooses the schedules.
type strategy interface {
	// begin is called before each execution.
	begin(threads int)

	// choose returns the index in options of the thread to run next. If free is false, options[0]
	// is the thread that has the turn, and any other choice preempts it. options is valid only
	// during the call. diverged is not empty if the model did not behave as in earlier executions.
	choose(options []int, free bool, step int) (index int, diverged string)

	// next prepares for another execution after one with the given number of steps. It returns
	// false if no schedule is left.
	next(steps int) bool
}

// depthFirst tries all schedules with at most bound preemptions. path holds the decisions of the
// latest execution, except those that had only one option.
type depthFirst struct {
	bound int

	path        []decision
	depth       int // number of decisions taken in this execution
	preemptions int
}

type decision struct {
	options []int
	index   int
}

func (s *depthFirst) begin(int) { s.depth, s.preemptions = 0, 0 }

func (s *depthFirst) choose(options []int, free bool, step int) (int, string) {
	if !free && s.bound != Unbounded && s.preemptions >= s.bound {
		options = options[:1]
	}
	if len(options) == 1 {
		return 0, ""
	}
	if s.depth == len(s.path) {
		s.path = append(s.path, decision{options: slices.Clone(options)})
	}
	d := s.path[s.depth]
	s.depth++
	if !slices.Equal(d.options, options) {
		return 0, fmt.Sprintf("at step %d threads %v could run, but %v when the same schedule ran before: "+
			"the model is not deterministic", step, options, d.options)
	}
	if !free && d.index != 0 {
		s.preemptions++
	}
	return d.index, ""
}

func (s *depthFirst) next(int) bool {
	for n := len(s.path); n > 0; n-- {
		if d := &s.path[n-1]; d.index+1 < len(d.options) {
			d.index++
			s.path = s.path[:n]
			return true
		}
	}
	return false
}

// uniform chooses at random.
type uniform struct{ rng *rand.Rand }

func newUniform(seed uint64) *uniform { return &uniform{rand.New(rand.NewPCG(seed, 0))} }

func (s *uniform) begin(int)     {}
func (s *uniform) next(int) bool { return true }
func (s *uniform) choose(options []int, _ bool, _ int) (int, string) {
	return s.rng.IntN(len(options)), ""
}

// priorities implements PCT. The option with the highest priority runs. At each of a few steps
// chosen in advance, the thread that has the turn falls behind all others.
type priorities struct {
	rng     *rand.Rand
	changes int

	length   int   // expected number of steps: the longest execution so far
	priority []int // for each thread
	lowest   int
	at       []int // the steps at which priorities change
	latest   int   // the thread that has the turn
}

func newPriorities(seed uint64, changes int) *priorities {
	return &priorities{rng: rand.New(rand.NewPCG(seed, 1)), changes: changes, length: 32}
}

func (s *priorities) begin(threads int) {
	s.priority = s.rng.Perm(threads)
	s.lowest, s.latest = 0, -1
	s.at = s.at[:0]
	for range s.changes {
		s.at = append(s.at, s.rng.IntN(s.length))
	}
}

func (s *priorities) choose(options []int, _ bool, step int) (int, string) {
	if s.latest >= 0 && slices.Contains(s.at, step) {
		s.lowest--
		s.priority[s.latest] = s.lowest
	}
	best := 0
	for i, t := range options {
		if s.priority[t] > s.priority[options[best]] {
			best = i
		}
	}
	s.latest = options[best]
	return best, ""
}

func (s *priorities) next(steps int) bool {
	s.length = max(s.length, steps)
	return true
}

// replay follows a schedule, and lets each thread run on after its end.
type replay struct{ schedule Schedule }

func (s *replay) begin(int)     {}
func (s *replay) next(int) bool { return false }
func (s *replay) choose(options []int, _ bool, step int) (int, string) {
	if step >= len(s.schedule) {
		return 0, ""
	}
	i := slices.Index(options, s.schedule[step])
	if i < 0 {
		return 0, fmt.Sprintf("at step %d the schedule has thread %d, but only %v can run: it belongs to another model, "+
			"or the model is not deterministic", step, s.schedule[step], options)
	}
	return i, ""
}
