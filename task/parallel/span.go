package parallel

import (
	"math"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// The algorithms over index ranges share one driver: lazy binary splitting (Tzannes, Caragea, Barua and Vishkin, 2010). A
// task works through its range in steps of a grain. Between two steps it looks at its fork deque, and only if
// that is empty does it fork the upper half of what is left, for all to see. (At the start it does so anyway, a few times.) So a range is split about
// log2(n) times, plus that many times for each theft, whatever the grain.
//
// The halves are put together again in the order of the indexes, so an operation has to be associative and need
// not be commutative.

// A part is what a stretch of the range has yielded so far.
type part interface {
	// step handles the indexes [lo, next), which follow those handled before, with lo < next <= hi. A part
	// that calls a function of the user's for each index returns early when look says so.
	step(c *task.Ctx, lo, hi int) (next int)
	// split returns an empty part for what comes after the present range.
	split() part
	// append adds what a later stretch, right behind this one, has yielded.
	append(right part)
}

// A loop is one run of an algorithm.
type loop struct {
	grain int // fixed; 0: automatic
	prog  *progress

	// limit is the index at which the loop ends: what lies at or above it need not be handled any
	// more. Lowered by anybody.
	limit atomic.Int64

	mu      sync.Mutex // guards what follows
	failure *task.PanicError
	failAt  int
	cause   error // of the cancellation that kept the loop from its end
}

// A span is a stretch of a loop, and the part that it adds to.
type span struct {
	l      *loop
	p      part
	lo, hi int
	grain  int
	eager  int // levels to split whether somebody is hungry or not
}

var spans *Func[span, struct{}]

func init() { spans = Define(runSpan) }

// The automatic grain has a bound in time, however slow the elements become from one to the next:
//
//   - A step that calls the user's function for each index asks look after each call, and ends early. A clock
//     would cost as much as 30 short calls; look reads three words that are in the cache. So a worker makes
//     no further call after it can see a cancellation, a failure, or the mark by which sysmon ends the quantum.
//   - A step that hands a stretch to the user's function cannot end early. The driver measures it. After
//     a step that was too long the grain falls at once to what grainTime allows at that speed, so only one step is.

// look reports whether a step, which handles index i next, should end here, because the driver has something to do: the
// task was cancelled, the loop ends before i, or the quantum may be over. It is a yield point of which the driver takes the slow
// path. It inlines.
func (l *loop) look(c *task.Ctx, i int) bool {
	return (*rt.Task)(c).Disturbed() || int64(i) >= l.limit.Load()
}

// givenUp is look for a function that cannot go on later: the task was cancelled, or the loop has failed. The result of the
// loop is not used then.
func (l *loop) givenUp(c *task.Ctx) bool {
	if (*rt.Task)(c).Status().Cancelled() {
		l.cancelled(c) // the driver would not ask again after its last step
		return true
	}
	return l.limit.Load() != math.MaxInt64
}

// grainTime is what the automatic grain aims at, in nanoseconds. A step costs some 100 ns beside its elements, half a percent of
// this; and this is a fraction of a percent of a quantum, which a task that has to give way may come too late.
// BenchmarkFor would show a change.
const grainTime = 20_000

// eagerLevels makes at least four spans for each CPU at the start, before anything is known about the elements: a few long ones
// must not wait for each other in one span. A split costs about 100 ns.
var eagerLevels = bits.Len(uint(4*runtime.NumCPU() - 1))

func newLoop(o options, total int) *loop {
	l := &loop{grain: o.grain, prog: newProgress(o, total)}
	l.limit.Store(math.MaxInt64)
	return l
}

const nilCtx = "parallel: nil Ctx: pass the c of the task that runs; an ordinary goroutine enters by Run"

// callerOf returns the Ctx of the task that calls, for which c stands, mostly because it is that.
func callerOf(c *task.Ctx) *task.Ctx {
	if c == nil {
		panic(nilCtx)
	}
	if (*rt.Task)(c).IsCurrent() {
		return c
	}
	return otherCaller()
}

//go:noinline
func otherCaller() *task.Ctx {
	c, ok := task.Current()
	if !ok {
		panic("parallel: called by a goroutine that is no task, or a function of Blocking: it enters by Run")
	}
	return c
}

// run has p handle [lo, hi). It returns the cause if the task was cancelled before that was done, and panics as
// the first step that panicked, in the order of the indexes: all below have been handled then.
func (l *loop) run(c *task.Ctx, lo, hi int, p part) error {
	c = callerOf(c)
	l.pass(c, lo, hi, p)
	if l.failure == nil && l.cause == nil {
		l.end()
	}
	return l.result(c)
}

// pass is the part of run in which the work is done. The failure, if there is one, is kept.
func (l *loop) pass(c *task.Ctx, lo, hi int, p part) {
	if lo >= hi {
		return
	}
	mark := (*rt.Task)(c).Outstanding()
	whole := false
	defer func() {
		if !whole {
			l.exiting(c, mark)
		}
	}()
	runSpan(c, span{l, p, lo, hi, max(l.grain, 1), eagerLevels})
	whole = true
}

// exiting is what an algorithm's deferred function calls if the algorithm has not returned, while the task had mark calls forked before.
// If that is by runtime.Goexit, which any function of the user's can call, it ends what the algorithm has forked. If a call has
// panicked, the task fails with that.
//
//go:noinline
func (l *loop) exiting(c *task.Ctx, mark int) {
	if why, _ := rt.Unwinding(1); why != rt.Exiting {
		return
	}
	l.endAt(math.MinInt)
	(*rt.Task)(c).UnwindForks(mark)
	failWith(c, l.failure)
}

// failedInTime reports whether there is a failure that a loop would have come to. One above the limit is not: see Find.
func (l *loop) failedInTime() bool { return l.failure != nil && int64(l.failAt) <= l.limit.Load() }

// result is what the algorithm returns, or its panic.
func (l *loop) result(c *task.Ctx) error {
	switch err := c.Cause(); {
	case l.failedInTime() || l.failure != nil && l.cause != nil:
		panic(l.failure)
	case l.cause == nil:
		return nil
	case err != nil:
		return err // the task knows the cause, those of stolen spans do not
	}
	return l.cause
}

// end shows the end.
func (l *loop) end() {
	whole := false
	defer func() {
		if !whole && !exits() {
			l.failed(math.MinInt, panicError(recover()))
		}
	}()
	l.prog.end()
	whole = true
}

// runSpan works through a span, and returns when all of it is done. It does not panic. A Goexit passes: what is forked by then is
// left to exiting, or to the end of the stolen call.
func runSpan(c *task.Ctx, s span) struct{} {
	l := s.l
	var last time.Duration // when the last step ended; 0 before the first
	for lo := s.lo; lo < s.hi; {
		if l.ended(c, lo) {
			break
		}
		rest := length(lo, s.hi)
		offer(c)
		if rest > uint(s.grain) && (s.eager > 0 || hungry(c)) {
			mid := lo + int(rest/2)
			right := s.p.split()
			x := spans.Fork(c, span{l, right, mid, s.hi, s.grain, s.eager - 1})
			show(c)
			runSpan(c, span{l, s.p, lo, mid, s.grain, s.eager - 1})
			l.join(c, x, mid, s.p, right)
			break
		}
		n := min(uint(s.grain), rest)
		if l.grain != 0 {
			lo = l.step(c, s.p, lo, lo+int(n))
			continue
		}
		if last == 0 {
			last = clock()
		}
		next := l.step(c, s.p, lo, lo+int(n))
		now := clock()
		s.grain = adapt(s.grain, next-lo, now-last)
		lo, last = next, now
	}
	return struct{}{}
}

// length returns hi - lo, which may be more than an int holds. lo <= hi.
func length(lo, hi int) uint { return uint(hi) - uint(lo) }

// adapt returns the grain that follows grain after a step that handled n elements. It grows twofold at most, because a
// few short elements say little of the next ones, and falls at once. grain is at least 1, and so is the result.
func adapt(grain, n int, took time.Duration) int {
	switch {
	case took > grainTime*2:
		return max(int(float64(n)*grainTime/float64(took)), 1)
	case took < grainTime/2 && n >= grain && grain <= math.MaxInt/2:
		return grain * 2
	}
	return grain
}

// clock is the time that steps are measured by. Tests turn it by hand.
var clock = func() time.Duration { return time.Since(epoch) }

// ended reports whether the index lo need not be handled any more. It is a yield point.
func (l *loop) ended(c *task.Ctx, lo int) bool {
	c.Checkpoint()
	if int64(lo) >= l.limit.Load() {
		return true
	}
	if c.Cancelled() {
		l.cancelled(c)
		return true
	}
	return false
}

// hungry reports whether the range should be split, so that there is something to steal.
func hungry(c *task.Ctx) bool {
	w := (*rt.Task)(c).Worker()
	return w.Forks.PrivateLen() == 0 && w.Forks.Thief().Empty()
}

// offer sees to it that thieves can take something, if the task has anything to take, and that somebody comes for it.
// Forks alone are not shown until a thief asks. That is right for a fork that costs less than a theft, and not for one before
// a long call: a worker may be asleep that has not asked, or has been forgotten when another one's request was met.
func offer(c *task.Ctx) {
	d := (*rt.Task)(c)
	if w := d.Worker(); w.Forks.PrivateLen() > 0 && w.Forks.Thief().Empty() {
		show(c)
	}
}

// show lets thieves at all that the task has forked, and wakes one if nobody looks.
func show(c *task.Ctx) {
	d := (*rt.Task)(c)
	w := d.Worker()
	w.Expose(d)
	w.Host.Hungry()
}

// step has p handle [lo, hi), or some of it, and returns the first index that is left. It keeps the panic of p; then
// the driver handles nothing from lo on.
func (l *loop) step(c *task.Ctx, p part, lo, hi int) (next int) {
	next = hi
	mark := (*rt.Task)(c).Outstanding()
	in := c // nil once all has returned: see Join
	defer func() {
		switch {
		case in == nil:
		case exits():
			l.endAt(math.MinInt)
		default:
			l.failed(lo, unwindPanic(in, mark, recover()))
		}
	}()
	next = p.step(c, lo, hi)
	l.prog.add(next - lo)
	in = nil
	return next
}

// join joins the span that begins at lo and appends its part, right, to left. That calls functions of the user's too: merge,
// compare and the like. After a failure they are not called, since the parts are not what they expect.
func (l *loop) join(c *task.Ctx, x *Call[span, struct{}], lo int, left, right part) {
	mark := (*rt.Task)(c).Outstanding() - 1 // x
	in := c
	defer func() {
		switch {
		case in == nil:
		case exits():
			l.endAt(math.MinInt)
		default:
			l.failed(lo, unwindPanic(in, mark, recover()))
		}
	}()
	x.Join(c)
	if l.sound() {
		left.append(right)
	}
	in = nil
}

// sound reports whether nothing has happened that keeps the loop from having a result. If Find has found something below a failure,
// the result still counts; that was found, and the limit lowered, before the part with it is joined.
func (l *loop) sound() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.failedInTime() && l.cause == nil
}

// failed keeps the failure of a step that began at lo, unless an earlier one failed too.
func (l *loop) failed(lo int, failure *task.PanicError) {
	l.mu.Lock()
	if l.failure == nil || lo < l.failAt {
		l.failure, l.failAt = failure, lo
	}
	l.mu.Unlock()
	l.endAt(lo)
}

func (l *loop) cancelled(c *task.Ctx) {
	l.mu.Lock()
	if l.cause == nil {
		l.cause = c.Cause()
	}
	l.mu.Unlock()
	l.endAt(math.MinInt)
}

// endAt lowers the limit to i.
func (l *loop) endAt(i int) {
	for {
		old := l.limit.Load()
		if int64(i) >= old || l.limit.CompareAndSwap(old, int64(i)) {
			return
		}
	}
}
