package look

import (
	"slices"
	"sync"

	"github.com/heddle-go/heddle/internal/rt"
)

// A Dispatch is one stay of a task on a worker. Times are in nanoseconds of the scheduler's clock.
type Dispatch struct {
	d          *rt.Task
	gen        uint32
	ended      bool // it has ended, at the time end
	name       string
	begin, end int64
	wait       string    // what the task waited for afterwards, "end" if it ended, or ""
	woken      rt.Waking // how the task was made runnable, if known
	from       int       // index of the worker from which the task was stolen, or -1
}

// A Ring has the last dispatches of a worker. The worker writes it, and WriteTrace reads it.
type Ring struct {
	mu  sync.Mutex
	all []Dispatch
	n   uint64 // dispatches so far. The last one is all[(n-1)%len(all)]

	// Only the worker touches these. stolen is the task that it stole last, in life stolenGen, from
	// the worker with the index victim. Begin compares the life, too, because the thief may have
	// had to halt before it ran the task. Then another worker ran it, and by the thief's next
	// dispatch the descriptor may serve another task.
	stolen    *rt.Task
	stolenGen uint32
	victim    int
}

// Begin notes that a dispatch of d begins at the time now, and that the last one is over. The ring
// keeps up to most.
func (r *Ring) Begin(d *rt.Task, now int64, most int) {
	e := Dispatch{d: d, gen: d.Gen(), begin: now, from: -1}
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
	r.add(e, most)
}

// Stole notes that the worker has taken d from the worker with the index victim.
func (r *Ring) Stole(d *rt.Task, victim int) { r.stolen, r.stolenGen, r.victim = d, d.Gen(), victim }

// End notes that the present dispatch is over. wait says what the task waits for. It is "end" if
// the task has ended.
func (r *Ring) End(now int64, wait string) {
	r.mu.Lock()
	r.endLocked(now, wait)
	r.mu.Unlock()
}

// add adds a dispatch, and ends the last one at its beginning. The ring keeps up to most.
func (r *Ring) add(e Dispatch, most int) {
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

// endLocked ends the last dispatch, if that goes on. The caller holds mu.
func (r *Ring) endLocked(now int64, wait string) {
	if r.n == 0 {
		return
	}
	if e := &r.all[(r.n-1)%uint64(len(r.all))]; !e.ended {
		e.end, e.wait, e.ended = now, wait, true
	}
}

// ringPortion is how many dispatches Read copies under one lock, which takes some microseconds.
const ringPortion = 512

// Read returns the dispatches that the ring has when Read begins, the oldest first. It leaves out
// those that the worker overwrites meanwhile. A dispatch that goes on ends at the time that now
// returns. Read takes the lock for a portion at a time, so that it never holds the worker up for
// long.
func (r *Ring) Read(now func() int64) (all []Dispatch) {
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
			if !e.ended {
				e.end = max(e.begin, at)
			}
			all = append(all, e)
		}
		r.mu.Unlock()
	}
	return all
}
