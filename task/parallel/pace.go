package parallel

import (
	"math"
	"time"
)

// A pace finds the grain, the number of elements in a step, at run time.
//
// A step of n elements takes about a + b*n. a is what a call of the user's function costs whatever
// its length: it may take a lock, make a buffer or send a query. b is what an element costs. The
// grain starts at 1. Most loops need only the first two rules, which suppose that a is small:
//
//  1. After a step that took less than grainTime/2, the grain doubles. It does not rise faster,
//     because a few short elements say little about the next ones.
//  2. After a step that took more than 2*grainTime, the grain falls at once to the number of
//     elements that take grainTime at that speed.
//
// But if a alone is more than grainTime/2, these rules never raise the grain, and the loop pays a
// for each element. So a pace compares steps of different lengths:
//
//  3. After probeAfter steps of one grain, the next step is a probe of twice the grain, if it can
//     be expected to take at most maxStep. If it takes less than 1.5 times as long as the step
//     before, then a > b*n. The grain doubles, and the next step is a probe again. Otherwise the
//     grain stays. So in the end the elements take at least half of the time, or steps take more
//     than maxStep/2.
//  4. The grain that a probe has raised is proven: rule 2 does not apply to it, unless a step takes
//     more than maxStep.
//  5. If a proven grain still breaks rule 2 after probeAfter steps, it is proven anew: a step of
//     half the grain comes before the probe. So the grain falls, if slowly, when the elements have
//     become slower, or when chance has raised it.
//
// If a alone is more than maxStep/2, the grain stays at 1. A longer step could take longer than
// maxStep, if the time were that of the elements.
//
// A split copies the pace to both halves. So the number of probes is at most that of the steps,
// divided by probeAfter, plus that of the splits.
type pace struct {
	grain  int
	base   int32 // the time of a step of grain elements, in ns, if the next step is a probe; or 0
	same   int8  // steps since the grain changed or a probe ended
	proven bool
}

const (
	// grainTime is the time that a step should take, in nanoseconds. A step costs about 100 ns
	// besides its elements, which is half a percent of grainTime. And grainTime is a fraction of a
	// percent of a quantum, so it hardly delays a task that must give way. BenchmarkFor would show
	// a change.
	grainTime = 20_000
	// maxStep is the time up to which a step may be longer for the sake of what a call costs, in
	// nanoseconds. It is a tenth of the default quantum.
	maxStep = 1_000_000
	// probeAfter is small, because all that the grain could save is lost until then. With elements
	// that take between grainTime and maxStep/2, one step in probeAfter+1 is longer than rule 2
	// wants.
	probeAfter = 16
)

// next returns the number of elements in the next step, of which there are rest left.
func (p *pace) next(rest uint) int {
	n := uint(p.grain)
	if p.base != 0 {
		n *= 2
	}
	return int(min(n, rest))
}

// adapt changes the grain after a step that next has planned, and that handled n elements. It may
// have handled fewer than planned.
func (p *pace) adapt(n int, took time.Duration) {
	base, long := time.Duration(p.base), took > 2*grainTime
	p.base = 0
	if took > maxStep || long && base == 0 && !p.proven {
		if less := max(int(float64(n)*grainTime/float64(took)), 1); less < p.grain {
			p.grain, p.same = less, 0
			return
		}
	}
	switch {
	case base != 0:
		p.same = 0
		if n == 2*p.grain && took < base+base/2 {
			p.grain, p.proven = n, true
			p.probe(took)
		}
		return
	case n < p.grain:
		return // the step ended early, so it says nothing about the grain
	case took < grainTime/2:
		p.same, p.proven = 0, false
		if p.grain <= math.MaxInt/2 {
			p.grain *= 2
		}
		return
	}
	p.proven = p.proven && long
	switch p.same++; {
	case p.same < probeAfter:
	case p.same == probeAfter && long && p.grain > 1:
		p.grain /= 2 // rule 5: the probe comes after the next step
	default:
		p.same = 0
		p.probe(took)
	}
}

// probe makes the next step a probe, if it can be expected to take at most maxStep. A step of one
// grain took base.
func (p *pace) probe(base time.Duration) {
	if base <= maxStep/2 && p.grain <= math.MaxInt/2 {
		p.base = int32(base)
	}
}
