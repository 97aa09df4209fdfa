package explore

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// A Strategy chooses the schedules of the models of this package, and of the programs that package
// schedtest explores. It knows threads by their numbers, which count from 0 in the order in which
// threads become known.
type Strategy interface {
	// Begin is called before each execution, with the number of threads that are known by then.
	// More may become known later.
	Begin(threads int)

	// Choose returns the index in options of the thread to run next. If free is false, options[0]
	// is the thread that has the turn, and any other choice preempts it. options is valid only
	// during the call. If the model behaves differently than in an earlier execution with the same
	// choices, diverged describes the difference; otherwise it is empty.
	Choose(options []int, free bool, step int) (index int, diverged string)

	// Pick returns a number below n, which must be positive. It makes the choices that are not
	// between threads. diverged is as in Choose.
	Pick(n, step int) (number int, diverged string)

	// Next is called after an execution of the given number of steps, and prepares the next one. It
	// returns false if there is no other execution to try.
	Next(steps int) bool
}

// NewDepthFirst returns a strategy that goes through all schedules with at most bound preemptions,
// or through all schedules if bound is Unbounded.
func NewDepthFirst(bound int) Strategy { return &depthFirst{bound: bound} }

// depthFirst tries all schedules with at most bound preemptions. path holds the decisions of the
// latest execution, except those that had only one option.
type depthFirst struct {
	bound int

	path        []decision
	depth       int // number of decisions taken in this execution
	preemptions int
}

// A decision is a choice between options or, if options is nil, between the numbers below count.
type decision struct {
	options []int
	count   int
	index   int
}

// Begin implements Strategy.
func (s *depthFirst) Begin(int) { s.depth, s.preemptions = 0, 0 }

// Choose implements Strategy.
func (s *depthFirst) Choose(options []int, free bool, step int) (int, string) {
	if !free && s.bound != Unbounded && s.preemptions >= s.bound {
		options = options[:1]
	}
	if len(options) == 1 {
		return 0, ""
	}
	if s.depth == len(s.path) {
		s.path = append(s.path, decision{options: slices.Clone(options), count: len(options)})
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

// Pick implements Strategy.
func (s *depthFirst) Pick(n, step int) (int, string) {
	if n == 1 {
		return 0, ""
	}
	if s.depth == len(s.path) {
		s.path = append(s.path, decision{count: n})
	}
	d := s.path[s.depth]
	s.depth++
	if d.options != nil || d.count != n {
		return 0, fmt.Sprintf("at step %d there is a choice of %d, but there was another one when the same schedule "+
			"ran before: the model is not deterministic", step, n)
	}
	return d.index, ""
}

// Next implements Strategy.
func (s *depthFirst) Next(int) bool {
	for n := len(s.path); n > 0; n-- {
		if d := &s.path[n-1]; d.index+1 < d.count {
			d.index++
			s.path = s.path[:n]
			return true
		}
	}
	return false
}

// uniform chooses at random.
type uniform struct{ rng *rand.Rand }

// NewUniform returns a strategy that chooses uniformly among the options.
func NewUniform(seed uint64) Strategy { return &uniform{rand.New(rand.NewPCG(seed, 0))} }

// Begin implements Strategy.
func (s *uniform) Begin(int) {}

// Next implements Strategy.
func (s *uniform) Next(int) bool { return true }

// Choose implements Strategy.
func (s *uniform) Choose(options []int, _ bool, _ int) (int, string) {
	return s.rng.IntN(len(options)), ""
}

// Pick implements Strategy.
func (s *uniform) Pick(n, _ int) (int, string) { return s.rng.IntN(n), "" }

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

// NewPriorities returns PCT with the given number of steps at which priorities change.
func NewPriorities(seed uint64, changes int) Strategy {
	return &priorities{rng: rand.New(rand.NewPCG(seed, 1)), changes: changes, length: 32}
}

// Begin implements Strategy.
func (s *priorities) Begin(threads int) {
	s.priority = s.rng.Perm(threads)
	s.lowest, s.latest = 0, -1
	s.at = s.at[:0]
	for range s.changes {
		s.at = append(s.at, s.rng.IntN(s.length))
	}
}

// Choose implements Strategy.
func (s *priorities) Choose(options []int, _ bool, step int) (int, string) {
	s.admit(slices.Max(options))
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

// admit gives random priorities between those of the other threads to the threads that have become
// known since Begin. last is the highest number of a thread.
func (s *priorities) admit(last int) {
	for t := len(s.priority); t <= last; t++ {
		// Threads that a change has put behind all others have negative priorities, and keep them.
		place := s.rng.IntN(t + 1)
		for i, p := range s.priority {
			if p >= place {
				s.priority[i]++
			}
		}
		s.priority = append(s.priority, place)
	}
}

// Pick implements Strategy.
func (s *priorities) Pick(n, _ int) (int, string) { return s.rng.IntN(n), "" }

// Next implements Strategy.
func (s *priorities) Next(steps int) bool {
	s.length = max(s.length, steps)
	return true
}

// replay follows a schedule. After the end of the schedule it lets each thread run on.
type replay struct{ schedule Schedule }

// Begin implements Strategy.
func (s *replay) Begin(int) {}

// Next implements Strategy.
func (s *replay) Next(int) bool { return false }

// Choose implements Strategy.
func (s *replay) Choose(options []int, _ bool, step int) (int, string) {
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

// Pick implements Strategy. Models make only choices between threads.
func (s *replay) Pick(int, int) (int, string) { return 0, "" }
