package scheduler

import (
	"cmp"
	"fmt"
	"io"
	"slices"
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
	name       string
	begin, end int64     // end is 0 while the dispatch goes on
	wait       string    // what the task waited for afterwards, "end" if it ended, or ""
	woken      rt.Waking // when and on which worker the task was made runnable, if known
	from       int       // index of the worker from which the task was stolen, or -1
}

// A ring has the last dispatches of a worker. The worker writes it, and WriteTrace reads it.
type ring struct {
	mu  sync.Mutex
	all []dispatch
	n   uint64 // dispatches so far. The last one is all[(n-1)%len(all)]

	// Only the worker touches these. stolen is the task that it stole last, from the worker with
	// the index victim.
	stolen *rt.Task
	victim int
}

// ringBegin notes that a dispatch of d begins, and that the worker's last one is over.
func (w *worker) ringBegin(d *rt.Task) {
	r := &w.ring
	e := dispatch{d: d, gen: d.Gen(), begin: w.s.now(), woken: rt.Waking{Worker: -1}, from: -1}
	if x := d.Extra(); x != nil {
		e.name = x.Name
		if x.Look != nil {
			e.woken, x.Look.Woken = x.Look.Woken, rt.Waking{Worker: -1}
		}
	}
	if r.stolen == d {
		e.from = r.victim
	}
	r.stolen = nil
	r.mu.Lock()
	r.endLocked(e.begin, "")
	if most := w.s.cfg.ring; len(r.all) < most {
		r.all = append(r.all, e)
	} else {
		r.all[r.n%uint64(most)] = e
	}
	r.n++
	r.mu.Unlock()
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
	if e := &r.all[(r.n-1)%uint64(len(r.all))]; e.end == 0 {
		e.end, e.wait = now, wait
	}
}

// ringWake notes that a task that runs on w has made d runnable.
func (w *worker) ringWake(d *rt.Task) {
	if x := d.Extra(); x != nil && x.Look != nil {
		x.Look.Woken = rt.Waking{At: w.s.now(), Worker: w.id}
	}
}

// stole notes that w has taken d from v.
func (w *worker) stole(d *rt.Task, v *worker) {
	if w.Looks&rt.LookRing != 0 {
		w.ring.stolen, w.ring.victim = d, v.id
	}
}

// WriteTrace writes what the workers ran in the last d, as JSON that ui.perfetto.dev and
// chrome://tracing show. Each worker is a row, and each dispatch of a task is a slice, which says
// what the task waited for afterwards. If a task that ran on a worker woke another task, an arrow
// leads from there to the next dispatch of the task that was woken. If a task was stolen, an arrow
// leads from the victim's row to its dispatch; of a stolen batch, only the first task has one.
// Times are counted from when the scheduler was made.
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
		return fmt.Errorf("scheduler: WriteTrace of a scheduler that keeps no dispatches: give New the option WithDispatchRing")
	}
	now := s.now()
	var events []perfetto.Event
	arrows := 0
	arrow := func(kind string, from int, fromAt int64, to int, toAt int64) {
		arrows++
		ends := perfetto.Arrow(arrows, kind, from, time.Duration(fromAt), to, time.Duration(toAt))
		events = append(events, ends[:]...)
	}
	for _, v := range s.workers() {
		events = append(events, perfetto.Row(v.id, fmt.Sprintf("worker %d", v.id)))
		v.ring.mu.Lock()
		all := slices.Clone(v.ring.all)
		v.ring.mu.Unlock()
		slices.SortFunc(all, func(a, b dispatch) int { return cmp.Compare(a.begin, b.begin) })
		for i := range all {
			e := &all[i]
			if e.end == 0 {
				e.end = now
			}
			if e.end < now-int64(d) {
				continue
			}
			name := e.name
			args := map[string]string{"task": fmt.Sprintf("%p/%d", e.d, e.gen)}
			if name == "" {
				name = fmt.Sprintf("(%p)", e.d)
			}
			if e.wait != "" {
				args["then"] = e.wait
			}
			events = append(events, perfetto.Slice(v.id, name, time.Duration(e.begin), time.Duration(e.end-e.begin), args))
			if e.woken.At != 0 {
				arrow("wake", e.woken.Worker, e.woken.At, v.id, e.begin)
			}
			if e.from >= 0 {
				arrow("steal", e.from, e.begin, v.id, e.begin)
			}
		}
	}
	return perfetto.Write(w, events)
}
