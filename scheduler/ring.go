package scheduler

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/heddle-go/heddle/internal/perfetto"
	"github.com/heddle-go/heddle/internal/rt"
)

// MaxDispatchRing is the largest number that [WithDispatchRing] takes.
const MaxDispatchRing = 1 << 20

// WithDispatchRing makes each worker keep its last n dispatches, 1 to [MaxDispatchRing], for
// [Scheduler.WriteTrace]. The worker allocates the memory as it needs it. Each dispatch and each
// wake-up then reads the clock, each dispatch takes a short lock, and each start of a task
// allocates a record of what the task notes.
func WithDispatchRing(n int) Option {
	return optionFunc(func(c *config) error {
		if n < 1 || n > MaxDispatchRing {
			return fmt.Errorf("scheduler: WithDispatchRing(%d): want 1 to %d", n, MaxDispatchRing)
		}
		c.looks |= rt.LookRing
		c.ring = n
		return nil
	})
}

// A dispatch is one turn of a task on a worker. Times are in nanoseconds of the scheduler's clock.
type dispatch struct {
	d          *rt.Task
	gen        uint32
	over       bool // it has ended, at the time end
	name       string
	begin, end int64
	wait       string    // what the task waited for afterwards, "end" if it ended, or ""
	woken      rt.Waking // how the task was made runnable, if known
	from       int       // index of the worker from which the task was stolen, or -1
}

// A ring has the last dispatches of a worker. The worker writes it, and WriteTrace reads it.
type ring struct {
	mu  sync.Mutex
	all []dispatch
	n   uint64 // dispatches so far. The last one is all[(n-1)%len(all)]

	// Only the worker touches these. stolen is the task that it stole last, in life stolenGen, from
	// the worker with the index victim. If the worker has to halt, another one runs that task, and
	// its descriptor may serve another task by the next dispatch here. So the life counts.
	stolen    *rt.Task
	stolenGen uint32
	victim    int
}

// keepsRing reports whether the worker keeps its last dispatches: see WithDispatchRing.
func (w *worker) keepsRing() bool { return w.Looks&rt.LookRing != 0 }

// ringBegin notes that a dispatch of d begins, and that the worker's last one is over.
func (w *worker) ringBegin(d *rt.Task) {
	r := &w.ring
	e := dispatch{d: d, gen: d.Gen(), begin: w.s.now(), from: -1}
	if x := d.Extra(); x != nil {
		e.name = x.Name
		if x.Look != nil {
			e.woken, x.Look.Woken = x.Look.Woken, rt.Waking{}
		}
	}
	if r.stolen == d && r.stolenGen == e.gen {
		e.from = r.victim
	}
	r.stolen = nil
	r.add(e, w.s.cfg.ring)
}

// add adds a dispatch, and ends the last one at its beginning. The ring keeps up to most.
func (r *ring) add(e dispatch, most int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endLocked(e.begin, "")
	if len(r.all) < most {
		r.all = append(r.all, e)
	} else {
		r.all[r.n%uint64(most)] = e
	}
	r.n++
}

// ringEnd notes that the worker's present dispatch is over. wait says what the task waits for. It
// is "end" if the task has ended, and otherwise "".
func (w *worker) ringEnd(wait string) {
	now := w.s.now()
	w.ring.mu.Lock()
	w.ring.endLocked(now, wait)
	w.ring.mu.Unlock()
}

// endLocked ends the last dispatch, if that goes on. The caller holds mu.
func (r *ring) endLocked(now int64, wait string) {
	if r.n == 0 {
		return
	}
	if e := &r.all[(r.n-1)%uint64(len(r.all))]; !e.over {
		e.end, e.wait, e.over = now, wait, true
	}
}

// ringPortion is how many dispatches read copies under one lock, which takes some microseconds.
const ringPortion = 512

// read returns the dispatches that the ring has when read begins, the oldest first. It leaves out
// those that the worker overwrites meanwhile. A dispatch that goes on ends at the time that now
// returns. read takes the lock for a portion at a time, so that it never holds the worker up for
// long.
func (r *ring) read(now func() int64) (all []dispatch) {
	var seq, until uint64
	for first := true; first || seq < until; first = false {
		all = slices.Grow(all, ringPortion)
		at := now()
		r.mu.Lock()
		if first {
			until = r.n
		}
		size := uint64(len(r.all))
		seq = max(seq, r.n-size)
		for end := min(seq+ringPortion, until); seq < end; seq++ {
			e := r.all[seq%size]
			if !e.over {
				e.end = max(e.begin, at)
			}
			all = append(all, e)
		}
		r.mu.Unlock()
	}
	return all
}

// ringWake notes that w has made d runnable, for the task that runs on w or has just ended there,
// or for a timer. Call it before d is queued.
func (w *worker) ringWake(d *rt.Task) {
	if x := d.Extra(); x != nil && x.Look != nil {
		x.Look.Woken = w.waking()
	}
}

// waking describes what w does now as the waker of a task.
func (w *worker) waking() rt.Waking {
	by := rt.ByTask
	if w.firing {
		by = rt.ByTimer
	}
	return rt.Waking{By: by, Worker: w.id, At: w.s.now()}
}

// waking describes the caller as the waker of a task. by is ByTimer if a timer wakes the task, and
// otherwise ByUnknown.
func (s *Scheduler) waking(by rt.Waker) rt.Waking {
	if by == rt.ByUnknown {
		if w := currentWorker(); w != nil && w.s == s {
			return w.waking()
		}
		by = rt.ByGoroutine
	}
	return rt.Waking{By: by, At: s.now()}
}

// noteWake is ringWake for a caller that runs on no worker of s.
func (s *Scheduler) noteWake(d *rt.Task, by rt.Waker) {
	if x := d.Extra(); x != nil && x.Look != nil {
		x.Look.Woken = s.waking(by)
	}
}

// stole notes that w has taken d from v.
func (w *worker) stole(d *rt.Task, v *worker) {
	if r := &w.ring; w.keepsRing() {
		r.stolen, r.stolenGen, r.victim = d, d.Gen(), v.id
	}
}

var errNoRing = errors.New("scheduler: WriteTrace of a scheduler that keeps no dispatches: " +
	"give New the option WithDispatchRing")

// WriteTrace writes what the workers ran in the last d, as JSON that ui.perfetto.dev and
// chrome://tracing show. Each worker is a row, and each dispatch of a task is a slice, which says
// what the task waited for afterwards. Times are counted from when the scheduler was made.
//
// Arrows lead to a dispatch from where its task was made runnable:
//
//   - "wake", from the dispatch of the task that woke it, or whose end did;
//   - "timer" and "goroutine", from one further row, if a timer woke it, or code that runs on no
//     worker of this scheduler. If the monitor or a Clock fires a timer that calls a function, such
//     as a deadline, and the function wakes tasks, these arrows are called "goroutine".
//   - "steal", from the last dispatch of the worker that the task was stolen from. If a thief stole
//     several tasks at once, only the first has such an arrow.
//
// An arrow may begin while its task still runs, if the wake-up came before the task had parked. If
// the wake-up came so early that the task did not leave its worker, there is no further dispatch
// and no arrow. There is none either for a cancellation that came before the task had parked, and
// for a wake-up whose origin is a dispatch that is not shown.
//
// WriteTrace needs [WithDispatchRing], and returns an error without it. It panics if d is not
// positive. It returns the error of w, if there is one. The workers go on meanwhile. Any goroutine
// or task may call it, at any time. It blocks the calling goroutine as long as w does.
func (s *Scheduler) WriteTrace(w io.Writer, d time.Duration) error {
	s.check()
	if d <= 0 {
		panic(fmt.Sprintf("scheduler: WriteTrace(%v): want a duration above 0", d))
	}
	if s.looks&rt.LookRing == 0 {
		return errNoRing
	}
	since := s.now() - int64(d)
	var rows [][]dispatch
	for _, v := range s.workers() {
		rows = append(rows, v.ring.read(s.now))
	}
	return perfetto.Write(w, traceEvents(rows, since))
}

// traceEvents returns the trace of the dispatches that end at the time since or later. rows has
// those of each worker, the oldest first.
func traceEvents(rows [][]dispatch, since int64) []perfetto.Event {
	var t tracer
	for id, row := range rows {
		first := sort.Search(len(row), func(i int) bool { return row[i].end >= since })
		t.rows = append(t.rows, row[first:])
		t.add(perfetto.Row(id, fmt.Sprintf("worker %d", id)))
	}
	for id, row := range t.rows {
		for i := range row {
			t.dispatch(id, &row[i])
		}
	}
	if t.outside {
		t.add(perfetto.Row(len(rows), "timers and goroutines"))
	}
	return t.events
}

// A tracer collects the events of a trace.
type tracer struct {
	rows    [][]dispatch // what is shown of each worker
	events  []perfetto.Event
	arrows  int
	outside bool // there is a row for timers and goroutines
}

func (t *tracer) add(e ...perfetto.Event) { t.events = append(t.events, e...) }

// dispatch adds the slice of e, which is in row id, and its arrows.
func (t *tracer) dispatch(id int, e *dispatch) {
	name := e.name
	if name == "" {
		name = fmt.Sprintf("(%p)", e.d)
	}
	args := map[string]string{"task": fmt.Sprintf("%p/%d", e.d, e.gen)}
	if e.wait != "" {
		args["then"] = e.wait
	}
	t.add(perfetto.Slice(id, name, time.Duration(e.begin), time.Duration(e.end-e.begin), args))
	switch e.woken.By {
	case rt.ByTask:
		t.arrow("wake", e.woken.Worker, e.woken.At, id, e.begin)
	case rt.ByTimer:
		t.arrowFromOutside("timer", e.woken.At, id, e.begin)
	case rt.ByGoroutine:
		t.arrowFromOutside("goroutine", e.woken.At, id, e.begin)
	}
	if e.from >= 0 {
		t.arrow("steal", e.from, e.begin, id, e.begin)
	}
}

// arrow adds an arrow from row from at the time fromAt. Viewers drop an arrow that does not begin
// inside a slice. So it begins in the last dispatch of that row up to then, at its last moment if
// it was over by then. If there is none, arrow adds nothing.
func (t *tracer) arrow(kind string, from int, fromAt int64, to int, toAt int64) {
	if from >= len(t.rows) {
		return // Resize has added that worker since WriteTrace began
	}
	row := t.rows[from]
	i := sort.Search(len(row), func(i int) bool { return row[i].begin > fromAt }) - 1
	if i < 0 {
		return
	}
	fromAt = min(fromAt, max(row[i].begin, row[i].end-1))
	t.link(kind, from, fromAt, to, toAt)
}

// arrowFromOutside adds an arrow from the row of timers and goroutines, with a slice of 1 ns to
// begin in.
func (t *tracer) arrowFromOutside(kind string, fromAt int64, to int, toAt int64) {
	t.outside = true
	t.add(perfetto.Slice(len(t.rows), kind, time.Duration(fromAt), 1, nil))
	t.link(kind, len(t.rows), fromAt, to, toAt)
}

func (t *tracer) link(kind string, from int, fromAt int64, to int, toAt int64) {
	t.arrows++
	ends := perfetto.Arrow(t.arrows, kind, from, time.Duration(fromAt), to, time.Duration(toAt))
	t.add(ends[:]...)
}
