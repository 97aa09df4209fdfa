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

// The algorithms over index ranges share one driver, runSpan. It does lazy binary splitting
// (Tzannes, Caragea, Barua and Vishkin, 2010). A task works through its range in steps of one
// grain. Between two steps the task looks at its fork deque. Only if the deque is empty does the
// task fork the upper half of the remaining range and expose it to thieves. (At the start it forks
// a few times in any case: see eagerLevels.) So a range is split about log2(n) times, plus about
// log2(n) times for each theft, whatever the grain.
//
// The halves are combined in the order of the indexes. So an operation must be associative, but
// need not be commutative.

// A part is the result of a stretch of the range so far.
type part interface {
	// step handles the indexes [lo, next), which follow those handled before, with lo < next <= hi.
	// A part that calls a user's function for each index returns early when look says so.
	step(c *task.Ctx, lo, hi int) (next int)
	// split returns an empty part for the stretch after this one.
	split() part
	// append adds the result of right, the part of the stretch that follows directly.
	append(right part)
}

// A loop is one run of an algorithm.
type loop struct {
	grain int // the fixed grain, or 0 for an automatic one
	prog  *progress

	// limit is the index at which the loop ends. Indexes at or above it need not be handled any
	// more. Any task of the loop may lower it.
	limit atomic.Int64

	mu      sync.Mutex // guards the fields below
	failure *task.PanicError
	failAt  int
	cause   error // cause of the cancellation that stopped the loop
}

// A span is a stretch of a loop, and the part that collects its result.
type span struct {
	l      *loop
	p      part
	lo, hi int
	pace   pace
	eager  int // levels to split even if no worker wants work
}

var spans *Func[span, struct{}]

func init() { spans = Define(runSpan) }

// With an automatic grain, the time between two checks is bounded too, however abruptly the
// elements become slower:
//
//   - A step that calls the user's function for each index calls look after each call, and ends
//     early if look says so. Reading a clock would cost as much as 30 short calls. look reads three
//     words that are in the cache. So a worker makes no further call once it can see a
//     cancellation, a failure, or the mark by which sysmon ends the quantum.
//   - A step that hands a stretch to the user's function cannot end early. The driver measures it.
//     After a step that took longer than maxStep, the grain falls at once to what grainTime allows
//     at that speed. So only one step takes longer. See pace.

// look reports whether a step that handles index i next should end here, because the driver has
// something to do: the task was cancelled, the loop ends before i, or the quantum may be over. look
// is the fast path of a yield point whose slow path the driver takes. It inlines. It takes the
// task, not its Ctx, because a step that finds the task once saves two instructions an index.
func (l *loop) look(d *rt.Task, i int) bool {
	return d.Disturbed() || int64(i) >= l.limit.Load()
}

// givenUp is look for a function that cannot be resumed. It reports whether the task was cancelled
// or the loop has failed. In either case the result of the loop is not used.
func (l *loop) givenUp(c *task.Ctx) bool {
	if (*rt.Life)(c).Task().Status().Cancelled() {
		l.cancelled(c) // because the driver does not check again after its last step
		return true
	}
	return l.limit.Load() != math.MaxInt64
}

// eagerLevels is the number of levels at which runSpan splits in any case. They make at least four
// spans for each CPU at the start, when the speed of the elements is still unknown. Otherwise a few
// long elements could wait for each other in one span. A split costs about 100 ns.
var eagerLevels = bits.Len(uint(4*runtime.NumCPU() - 1))

func newLoop(o options, total int) *loop {
	l := &loop{grain: o.grain, prog: newProgress(o, total)}
	l.limit.Store(math.MaxInt64)
	return l
}

const nilCtx = "parallel: nil Ctx: pass the c of the task that runs; an ordinary goroutine enters by Run"

// callerOf returns the Ctx of the calling task. Usually that is c.
func callerOf(c *task.Ctx) *task.Ctx {
	if (*rt.Life)(c).IsCurrent() {
		return c
	}
	return otherCaller(c)
}

// otherCaller is callerOf for a c that the caller does not run as.
//
//go:noinline
func otherCaller(c *task.Ctx) *task.Ctx {
	if c == nil {
		panic(nilCtx)
	}
	c, ok := task.Current()
	if !ok {
		panic("parallel: called by a goroutine that is no task, or a function of Blocking: it enters by Run")
	}
	return c
}

// run makes p handle [lo, hi). If the task was cancelled before that was done, run returns the
// cause. If steps panicked, run panics with the panic of the lowest index. By then all indexes
// below it have been handled.
func (l *loop) run(c *task.Ctx, lo, hi int, p part) error {
	c = callerOf(c)
	l.pass(c, lo, hi, p)
	if l.failure == nil && l.cause == nil {
		l.end()
	}
	return l.result(c)
}

// pass does the work of run, but does not raise the loop's failure: see result.
func (l *loop) pass(c *task.Ctx, lo, hi int, p part) {
	if lo >= hi {
		return
	}
	outstanding := (*rt.Life)(c).Task().Outstanding()
	whole := false
	defer func() {
		if !whole {
			l.exiting(c, outstanding)
		}
	}()
	runSpan(c, span{l, p, lo, hi, pace{grain: max(l.grain, 1)}, eagerLevels})
	whole = true
}

// exiting is for an algorithm's deferred function, if the algorithm has not returned. outstanding
// is the number of calls that the task had forked before the algorithm. If the reason is a
// runtime.Goexit, which any of the user's functions can call, exiting ends the calls that the
// algorithm has forked. If the loop has a failure, the task fails with it.
//
//go:noinline
func (l *loop) exiting(c *task.Ctx, outstanding int) {
	if unwind, _ := rt.Unwinding(1); unwind != rt.Exiting {
		return
	}
	l.endAt(math.MinInt)
	(*rt.Life)(c).Task().UnwindForks(outstanding)
	failWith(c, l.failure)
}

// failedInTime reports whether the loop has a failure that a sequential loop would have reached. A
// failure above the limit does not count, because Find lowers the limit to the match, and a
// sequential Find would have ended there.
func (l *loop) failedInTime() bool { return l.failure != nil && int64(l.failAt) <= l.limit.Load() }

// result returns the algorithm's error, or raises its panic.
func (l *loop) result(c *task.Ctx) error {
	switch err := c.Cause(); {
	case l.failedInTime() || l.failure != nil && l.cause != nil:
		panic(l.failure)
	case l.cause == nil:
		return nil
	case err != nil:
		return err // this task knows the cause, while the tasks of stolen spans may not
	}
	return l.cause
}

// end shows the progress for the last time. It keeps a panic of show as the loop's failure.
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

// runSpan works through a span. It returns when all of the span is done, or the loop ends before
// the rest. It does not panic, because step and join keep panics as the loop's failure. It lets a
// Goexit pass. Then exiting, or the end of the stolen call, ends the calls that runSpan has forked.
func runSpan(c *task.Ctx, s span) struct{} {
	l := s.l
	var last time.Duration // when the last step ended
	var turn uint32        // the task's turn in which the last step began
	for lo := s.lo; lo < s.hi; {
		if l.stops(c, lo) {
			break
		}
		rest := length(lo, s.hi)
		offer(c)
		if rest > uint(s.pace.grain) && (s.eager > 0 || shouldSplit(c)) {
			mid := lo + int(rest/2)
			right := s.p.split()
			x := spans.Fork(c, span{l, right, mid, s.hi, s.pace, s.eager - 1})
			show(c)
			runSpan(c, span{l, s.p, lo, mid, s.pace, s.eager - 1})
			l.join(c, x, mid, s.p, right)
			break
		}
		n := s.pace.next(rest)
		if l.grain != 0 {
			lo, _ = l.step(c, s.p, lo, lo+n)
			continue
		}
		if now := turnOf(c); now != turn || last == 0 {
			turn, last = now, clock(c) // the time in which others ran is not that of the step
		}
		next, shown := l.step(c, s.p, lo, lo+n)
		now := clock(c)
		s.pace.adapt(next-lo, now-last-shown)
		lo, last = next, now
	}
	return struct{}{}
}

// length returns hi - lo, which an int may not be able to hold. lo <= hi.
func length(lo, hi int) uint { return uint(hi) - uint(lo) }

// turnOf returns a number that changes when the task c gives way to others.
func turnOf(c *task.Ctx) uint32 { return (*rt.Life)(c).Task().Worker().Dispatch.Load() }

// clock returns the time by which the steps of the task c are measured. Tests replace it.
var clock = func(*task.Ctx) time.Duration { return time.Since(epoch) }

// stops reports whether the loop ends before index lo. It is a yield point.
func (l *loop) stops(c *task.Ctx, lo int) bool {
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

// shouldSplit reports whether the task should split its range. It should if the worker's fork deque
// is empty, because then thieves can take nothing.
func shouldSplit(c *task.Ctx) bool {
	w := (*rt.Life)(c).Task().Worker()
	return w.Forks.PrivateLen() == 0 && w.Forks.Thief().Empty()
}

// offer exposes the task's forked calls, and wakes a thief for them, if thieves can take none of
// them now. Fork alone exposes nothing until a thief asks. That is right if the next call costs
// less than a theft. Before a long call it is not enough, because a sleeping worker has not asked.
// And if a worker asked before it fell asleep, its request may be gone, because all thieves share
// one flag, which the victim clears when it meets one request.
func offer(c *task.Ctx) {
	d := (*rt.Life)(c).Task()
	if w := d.Worker(); w.Forks.PrivateLen() > 0 && w.Forks.Thief().Empty() {
		show(c)
	}
}

// show exposes to thieves everything that the task has forked, and wakes a worker if none is
// searching.
func show(c *task.Ctx) {
	d := (*rt.Life)(c).Task()
	w := d.Worker()
	w.Expose(d)
	w.Host.WakeThief()
}

// step makes p handle [lo, hi), or a part of it, and returns the first index that is left, and how
// long it took to show the progress. If p panics, step keeps the panic as the loop's failure, and
// the driver handles nothing from lo on.
func (l *loop) step(c *task.Ctx, p part, lo, hi int) (next int, shown time.Duration) {
	next = hi
	outstanding := (*rt.Life)(c).Task().Outstanding()
	in := c // nil once p.step has returned: see Join
	defer func() {
		switch {
		case in == nil:
		case exits():
			l.endAt(math.MinInt)
		default:
			l.failed(lo, unwindPanic(in, outstanding, recover()))
		}
	}()
	next = p.step(c, lo, hi)
	shown = l.prog.add(c, next-lo)
	in = nil
	return next, shown
}

// join joins the span that begins at lo and appends its part, right, to left. append calls the
// user's functions too (merge, compare and the like). After a failure join does not call append,
// because the parts may be incomplete.
func (l *loop) join(c *task.Ctx, x *Call[span, struct{}], lo int, left, right part) {
	outstanding := (*rt.Life)(c).Task().Outstanding() - 1 // without x
	in := c
	defer func() {
		switch {
		case in == nil:
		case exits():
			l.endAt(math.MinInt)
		default:
			l.failed(lo, unwindPanic(in, outstanding, recover()))
		}
	}()
	x.Join(c)
	if l.sound() {
		left.append(right)
	}
	in = nil
}

// sound reports whether the loop can still have a result: it was not cancelled, and has no failure
// that counts. If Find has found an element below a failure, the failure does not count. Find
// lowers the limit when it finds the element, before the part with the element is joined.
func (l *loop) sound() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.failedInTime() && l.cause == nil
}

// failed keeps the failure of a step that began at lo, unless a step with a lower index has failed
// before.
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

// endAt lowers the limit to i, if it is higher.
func (l *loop) endAt(i int) {
	for {
		old := l.limit.Load()
		if int64(i) >= old || l.limit.CompareAndSwap(old, int64(i)) {
			return
		}
	}
}
