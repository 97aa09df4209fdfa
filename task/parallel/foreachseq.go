package parallel

import (
	"iter"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// ForEachSeq calls body with each value of seq, in parallel where workers are idle. The sequence is run by the calling task
// alone, one value after the other; batches of values go to idle workers, and otherwise the calling task
// handles them itself before it asks for more. So a sequence without end takes bounded memory, and one that is slow to
// produce bounds the speed. A batch has 4096 values at most, whatever [WithGrain] says.
//
// Every value that seq yields is handled exactly once, unless the task is cancelled or body panics: then no more values
// are asked for, and batches that are on their way end early. ForEachSeq returns the cause, or panics with the *task.PanicError of
// the earliest value that is known to have panicked, after all calls have ended. It parks while others work on what they have
// stolen. [WithProgress] shows nothing here,
// since nobody knows the total.
//
// Work is that of seq and of the calls; span is that of seq plus the largest batch.
func ForEachSeq[T any](c *task.Ctx, seq iter.Seq[T], body func(c *task.Ctx, x T), opts ...Option) error {
	if seq == nil || body == nil {
		panic("parallel: ForEachSeq with a nil function")
	}
	c = callerOf(c)
	o := optionsOf(opts)
	f := &feed[T]{c: c, l: newLoop(options{}, 0), body: body, grain: min(max(o.grain, 1), maxBatch), fixed: o.grain != 0}
	mark := (*rt.Task)(c).Outstanding()
	whole := false
	defer func() {
		if !whole {
			f.l.exiting(c, mark)
		}
	}()
	f.pull(seq)
	for len(f.calls) > 0 {
		f.joinNewest()
	}
	whole = true
	(*rt.Task)(c).UnwindForks(mark) // what seq forked and, by a panic, did not join
	return f.l.result(c)
}

// maxBatch bounds a batch, and maxBatches how many of them are under way: enough for any number of thieves that a sequence
// of its own can feed.
const (
	maxBatch   = 4096
	maxBatches = 256
)

// A feed is one run of ForEachSeq.
type feed[T any] struct {
	c     *task.Ctx
	l     *loop
	body  func(c *task.Ctx, x T)
	grain int
	fixed bool
	at    int // index of the first value in batch
	batch []T
	calls []*forked // oldest first
}

// pull runs the sequence. Its panics are kept.
func (f *feed[T]) pull(seq iter.Seq[T]) {
	whole := false
	defer func() {
		if !whole && !exits() {
			f.l.failed(f.at+len(f.batch), panicError(recover()))
		}
	}()
	for x := range seq {
		f.batch = append(f.batch, x)
		if len(f.batch) < f.grain {
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

// flush sees to the batch that has been gathered, and reports whether to go on.
func (f *feed[T]) flush() bool {
	c, l, at, xs := f.c, f.l, f.at, f.batch
	if len(xs) == 0 {
		return true
	}
	f.at += len(xs)
	if l.ended(c, at) {
		return false
	}
	if offer(c); hungry(c) {
		if len(f.calls) == maxBatches {
			for len(f.calls) > maxBatches/2 {
				f.joinNewest()
			}
		}
		f.batch = make([]T, 0, f.grain)
		f.calls = append(f.calls, closures.Fork(c, func(c *task.Ctx) {
			l.handle(c, &batch[T]{l, f.body, xs, at}, at, at+len(xs))
		}))
		offer(c)
		return true
	}
	begin := clock()
	l.handle(c, &batch[T]{l, f.body, xs, at}, at, at+len(xs))
	took := clock() - begin
	clear(xs)
	f.batch = xs[:0]
	if f.fixed {
		return true
	}
	f.grain = min(adapt(f.grain, len(xs), took), maxBatch)
	return true
}

// handle has p handle [lo, hi) without offering any of it to thieves, unless the loop ends before.
func (l *loop) handle(c *task.Ctx, p part, lo, hi int) {
	for lo < hi && !l.ended(c, lo) {
		offer(c)
		lo = l.step(c, p, lo, hi)
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

// A batch is values that the sequence yielded, from index at on.
type batch[T any] struct {
	l    *loop
	body func(c *task.Ctx, x T)
	xs   []T
	at   int
}

func (b *batch[T]) step(c *task.Ctx, lo, hi int) int {
	for i, x := range b.xs[lo-b.at : hi-b.at] {
		b.body(c, x)
		if b.l.look(c, lo+i+1) {
			return lo + i + 1
		}
	}
	return hi
}

func (b *batch[T]) split() part { return b }
func (b *batch[T]) append(part) {}
