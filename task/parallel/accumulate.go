package parallel

import (
	"sync"
	"sync/atomic"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Accumulate adds all of xs to accumulators, of which it makes about one for each worker, and
// merges the accumulators. Use it in place of [Fold] if the accumulators are large, such as
// histograms, maps and matrices, and the order in which the elements are added makes no difference.
//
// fresh makes an empty accumulator. add adds a stretch of xs to acc. It may change acc and return
// it. merge adds b to a. It may change a and return it, and may keep b. Stretches are added in any
// order, so the result equals that of a loop over xs only if it does not depend on the order. If xs
// is empty, the result is what fresh returns.
//
//	words, err := parallel.Accumulate(c, texts, func() map[string]int { return map[string]int{} },
//		func(_ *task.Ctx, acc map[string]int, texts []string) map[string]int {
//			for _, text := range texts {
//				acc[text]++
//			}
//			return acc
//		},
//		func(a, b map[string]int) map[string]int {
//			for text, n := range b {
//				a[text] += n
//			}
//			return a
//		})
//
// A call of add has its accumulator to itself until it returns, even if it is suspended and
// continues on another worker. Calls of add that begin on the same worker meanwhile use other
// accumulators. If no call of add is ever suspended, there is at most one accumulator for each
// worker. fresh and add run on several workers at the same time. Only the calling task calls merge,
// once less often than there are accumulators.
//
// If the task is cancelled in the middle, the result is the zero value and the error is the cause.
// Panics are as with [For]. Accumulate cannot interrupt add, so it keeps the stretches as short as
// the ranges of [ForRange].
//
// Work is that of the calls. Span is O(log n) plus the largest grain and the calls of merge.
func Accumulate[T, A any](c *task.Ctx, xs []T, fresh func() A, add func(c *task.Ctx, acc A, xs []T) A, merge func(a, b A) A, opts ...Option) (A, error) {
	if fresh == nil || add == nil || merge == nil {
		panic("parallel: Accumulate with a nil function")
	}
	var none A
	s := &shards[A]{fresh: fresh}
	err := forRange(c, 0, len(xs), opts, func(*loop) part { return &accumulating[T, A]{s: s, xs: xs, add: add} })
	if err != nil {
		return none, err
	}
	var all A
	if failure := runClosure(callerOf(c), func(*task.Ctx) { all = s.merged(merge) }); failure != nil {
		panic(failure)
	}
	return all, nil
}

type accumulating[T, A any] struct {
	s   *shards[A]
	xs  []T
	add func(c *task.Ctx, acc A, xs []T) A
}

func (p *accumulating[T, A]) step(c *task.Ctx, lo, hi int) int {
	x := p.s.take((*rt.Life)(c).Task().Worker().Index)
	x.acc = p.add(c, x.acc, p.xs[lo:hi])
	p.s.put(x) // not deferred: if add panics, the loop has no result
	return hi
}

func (p *accumulating[T, A]) split() part { return p }
func (p *accumulating[T, A]) append(part) {}

// shards holds the accumulators of a loop. A step takes one, so that no other step finds it, and
// puts it back afterwards. An accumulator's home is the worker on which it was made. While it is
// there, the worker takes it for its next step, and usually has it in its cache. If a step puts an
// accumulator back while another one is at the same home, the accumulator goes into rest, a list
// for all workers. A worker looks into rest before it makes a new accumulator.
type shards[A any] struct {
	fresh func() A
	home  [maxPools]atomic.Pointer[shard[A]]

	mu   sync.Mutex
	rest []*shard[A]
}

type shard[A any] struct {
	acc  A
	home int // a worker's index
}

// take takes an accumulator for a step on the worker with the given index. It makes one if it finds
// none.
func (s *shards[A]) take(worker int) *shard[A] {
	if worker < maxPools {
		if x := s.home[worker].Swap(nil); x != nil { // pairs with put, which publishes acc
			return x
		}
	}
	s.mu.Lock()
	if last := len(s.rest) - 1; last >= 0 {
		x := s.rest[last]
		s.rest[last] = nil
		s.rest = s.rest[:last]
		s.mu.Unlock()
		return x
	}
	s.mu.Unlock()
	return &shard[A]{acc: s.fresh(), home: worker}
}

// put puts x back: to its home if that is empty, and otherwise into rest.
func (s *shards[A]) put(x *shard[A]) {
	if x.home < maxPools && s.home[x.home].CompareAndSwap(nil, x) {
		return
	}
	s.mu.Lock()
	s.rest = append(s.rest, x)
	s.mu.Unlock()
}

// merged merges all accumulators. No step may hold one. It returns a fresh one if there are none.
func (s *shards[A]) merged(merge func(a, b A) A) A {
	all := s.rest
	for i := range s.home {
		if x := s.home[i].Load(); x != nil {
			all = append(all, x)
		}
	}
	if len(all) == 0 {
		return s.fresh()
	}
	acc := all[0].acc
	for _, x := range all[1:] {
		acc = merge(acc, x.acc)
	}
	return acc
}
