package parallel

import (
	"iter"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// ForEachSeq calls body with each value of seq, in parallel where workers are idle. Only the
// calling task runs the sequence, one value after the other. Batches of values go to idle workers.
// If no worker is idle, the calling task handles a batch itself before it asks for more values. So
// an endless sequence takes bounded memory, and a sequence that produces values slowly bounds the
// speed. A batch has at most 4096 values, whatever [WithGrain] says.
//
// ForEachSeq handles every value of seq exactly once, unless the task is cancelled or body panics.
// Then it asks for no more values, and the batches under way end early. After all calls have ended,
// ForEachSeq returns the cause, or panics with the *task.PanicError of the earliest value that is
// known to have panicked. It parks the task while other workers handle batches that they have
// stolen. [WithProgress] shows nothing here, because the total is unknown.
//
// Work is that of seq and of the calls. Span is that of seq plus the largest batch.
func ForEachSeq[T any](c *task.Ctx, seq iter.Seq[T], body func(c *task.Ctx, x T), opts ...Option) error {
	if seq == nil || body == nil {
		panic("parallel: ForEachSeq with a nil function")
	}
	c = callerOf(c)
	o := optionsOf(opts)
	f := &feed[T]{c: c, l: newLoop(options{}, 0), body: body, pace: pace{grain: max(o.grain, 1)}, fixed: o.grain != 0}
	outstanding := (*rt.Life)(c).Task().Outstanding()
	whole := false
	defer func() {
		if !whole {
			f.l.exiting(c, outstanding)
		}
	}()
	f.pull(seq)
	for len(f.calls) > 0 {
		f.joinNewest()
	}
	whole = true
	(*rt.Life)(c).Task().UnwindForks(outstanding) // seq panicked, and left these calls unjoined
	return f.l.result(c)
}

// maxBatch bounds the length of a batch. maxBatches bounds the number of batches under way. It is
// enough for as many thieves as one sequence can feed.
const (
	maxBatch   = 4096
	maxBatches = 256
)

// A feed is one run of ForEachSeq.
type feed[T any] struct {
	c     *task.Ctx
	l     *loop
	body  func(c *task.Ctx, x T)
	pace  pace
	fixed bool
	at    int // index in the sequence of the first value in batch
	batch []T
	calls []*forked // oldest first
}

// pull runs the sequence. If the sequence panics, pull keeps the panic as the loop's failure.
func (f *feed[T]) pull(seq iter.Seq[T]) {
	whole := false
	defer func() {
		if !whole && !exits() {
			f.l.failed(f.at+len(f.batch), panicError(recover()))
		}
	}()
	for x := range seq {
		f.batch = append(f.batch, x)
		if len(f.batch) < f.pace.next(maxBatch) {
			continue
		}
		if !f.flush() {
			whole = true
			return
		}
	}
	f.flush()
	whole = true
}

// flush handles the gathered batch, or forks it if a worker is idle. It reports whether to go on.
func (f *feed[T]) flush() bool {
	c, l, at, xs := f.c, f.l, f.at, f.batch
	if len(xs) == 0 {
		return true
	}
	f.at += len(xs)
	if l.stops(c, at) {
		return false
	}
	if offer(c); shouldSplit(c) {
		if len(f.calls) == maxBatches {
			for len(f.calls) > maxBatches/2 {
				f.joinNewest()
			}
		}
		f.batch = make([]T, 0, f.pace.next(maxBatch))
		f.calls = append(f.calls, closures.Fork(c, func(c *task.Ctx) {
			l.handle(c, &batch[T]{l, f.body, xs, at}, at, at+len(xs))
		}))
		offer(c)
		return true
	}
	begin := clock(c)
	l.handle(c, &batch[T]{l, f.body, xs, at}, at, at+len(xs))
	took := clock(c) - begin
	clear(xs)
	f.batch = xs[:0]
	if !f.fixed {
		f.pace.adapt(len(xs), took)
	}
	return true
}

// handle makes p handle [lo, hi) in steps, until the loop ends. It does not split the range.
// Between two steps it only offers the batches that were forked before.
func (l *loop) handle(c *task.Ctx, p part, lo, hi int) {
	for lo < hi && !l.stops(c, lo) {
		offer(c)
		lo, _ = l.step(c, p, lo, hi)
	}
}

func (f *feed[T]) joinNewest() {
	last := len(f.calls) - 1
	x := f.calls[last]
	f.calls[last] = nil
	f.calls = f.calls[:last]
	if failure := joined(f.c, x); failure != nil {
		f.l.failed(f.at, failure)
	}
}

// A batch is a run of values that the sequence yielded. at is the index of the first one in the
// sequence.
type batch[T any] struct {
	l    *loop
	body func(c *task.Ctx, x T)
	xs   []T
	at   int
}

func (b *batch[T]) step(c *task.Ctx, lo, hi int) int {
	d := (*rt.Life)(c).Task()
	for i, x := range b.xs[lo-b.at : hi-b.at] {
		b.body(c, x)
		if b.l.look(d, lo+i+1) {
			return lo + i + 1
		}
	}
	return hi
}

func (b *batch[T]) split() part { return b }
func (b *batch[T]) append(part) {}
