package engine

import (
	"github.com/heddle-go/heddle/internal/deque"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// stealOnce looks once into the queues of each other worker, beginning with a random one. Workers
// that have left are included.
func (w *worker) stealOnce() *rt.Task {
	ws := w.s.workers()
	if len(ws) == 1 {
		return nil
	}
	at := w.rng.IntN(len(ws))
	for i := range ws {
		v := ws[(at+i)%len(ws)]
		if v == w {
			continue
		}
		if !v.runq.Thief().Empty() {
			if d := w.stealFrom(v); d != nil {
				return d
			}
		}
		if d := w.stealChildren(v); d != nil {
			return d
		}
		if d := w.stealFork(v); d != nil {
			return d
		}
	}
	return nil
}

// maxSteal bounds a batch of stolen tasks. Half of a long queue lasts for long, and takes long to
// move.
const maxSteal = 4096

// stealFrom steals up to half of v's queue. It returns one task of the batch, and leaves the others
// in w's queue. It returns nil if v's queue is empty.
func (w *worker) stealFrom(v *worker) *rt.Task {
	for {
		d, n, out := v.runq.Thief().StealBatch(&w.runq, maxSteal)
		switch out {
		case deque.Stolen:
			w.n.steals++
			w.n.stolen += uint64(n)
			if n > 1 && !w.searching {
				// For a moment the batch was in neither queue. A searcher that has found a task
				// looks again (Sleep-W5). This worker is no searcher, so it wakes one.
				w.crew.wakeOne()
			}
			if d = w.valid(d); d == nil {
				d = w.pop() // of the batch
			}
			if d != nil {
				w.stole(d, v)
				return d
			}
		case deque.Empty:
			return nil
		}
	}
}

// stealNext takes a task that stays in another worker's next slot while stealNext watches it for
// nextGrace (Slot-N2).
func (w *worker) stealNext() *rt.Task {
	for _, v := range w.s.workers() {
		if v == w {
			continue
		}
		seq, ok := v.next.peek()
		if !ok {
			continue
		}
		for start, peeks := w.s.now(), 0; peeks < mostPeeks && w.s.now()-start < nextGrace; peeks++ {
			if now, _ := v.next.peek(); now != seq {
				break
			}
		}
		if d := v.next.steal(seq); d != nil {
			v.nextStolen.Store(true)
			w.n.steals++
			w.n.stolen++
			if d = w.valid(d); d != nil {
				w.stole(d, v)
				return d
			}
		}
	}
	return nil
}

// nextGrace is how long in nanoseconds a task has to stay in a next slot before another worker
// takes it. It is several times the time of a switch between two tasks that wake each other, and
// well below the time that waking a thread takes.
const nextGrace = 3000

// mostPeeks is more than the number of peeks that fit into nextGrace. It ends the loop in a bubble
// of testing/synctest, where the clock stands still.
const mostPeeks = 1 << 12

// stealFork takes the oldest forked call that v has exposed. If there is none, Steal leaves a
// request, which v's task meets at its next fork.
func (w *worker) stealFork(v *worker) *rt.Task {
	for {
		f, out := v.Forks.Thief().Steal()
		switch out {
		case deque.Stolen:
			if d := w.adopt(f); d != nil {
				w.n.steals++
				w.n.stolen++
				w.stole(d, v)
				return d
			}
		case deque.Empty:
			return nil
		}
	}
}

// oldestFork takes the oldest exposed call that was forked on this worker. takeStarved calls it, so
// that forked calls have a turn beside a queue that is never empty. takeFork, which pick calls when
// the queue is empty, takes the newest.
func (w *worker) oldestFork() *rt.Task {
	// Empty comes first, because a Steal that finds nothing leaves a request, here to w itself.
	for v := w.Forks.Thief(); !v.Empty(); {
		if f, out := v.Steal(); out == deque.Stolen {
			if d := w.adopt(f); d != nil {
				return d
			}
		}
	}
	return nil
}

// takeFork takes the newest call that a task forked here before it left the worker.
func (w *worker) takeFork() *rt.Task {
	for {
		f := w.Forks.Pop()
		if f == nil {
			return nil
		}
		if d := w.adopt(f); d != nil {
			return d
		}
	}
}

// adopt makes a task of the forked call f, which the worker has taken from its own or another
// worker's Forks. It returns nil if the parent, which forked the call, has claimed f.
func (w *worker) adopt(f *rt.Frame) *rt.Task {
	if !f.Claim() {
		return nil
	}
	x := stolenExtra(w.s.looks, f)
	d := w.newTask(x)
	d.Start(f, x)
	f.Forker.Adopt(d)
	if w.notesReady {
		w.stampStolen(d)
	}
	return d
}

// adopt is worker.adopt for sysmon, which has claimed f. The parent of f cannot end before the
// call, so live does not fall to 0 before adopt has counted the call.
func (s *Scheduler) adopt(f *rt.Frame) *rt.Task {
	s.live.Add(1)
	d, _ := s.newTask(f, stolenExtra(s.looks, f))
	f.Forker.Adopt(d)
	s.measuring.stamp(d, &s.clock)
	return d
}

// stolenExtra returns the extension of the task that adopt makes of f.
func stolenExtra(looks rt.Looks, f *rt.Frame) *rt.Extra {
	x := &rt.Extra{Owner: (*task.Ctx)(f.Forker.Life()), Level: f.Forker.Status().Level(), Stolen: true}
	if looks != 0 {
		if x = noteStart(looks, x, f.Forker); x.Look != nil {
			x.Look.Frame, x.Look.Started = f, 0
			if x.Look.Stacks != nil {
				x.Look.Stacks.Started = rt.Stack{} // that is the thief's
			}
		}
	}
	return x
}

// shareForks exposes the calls that d has forked here, before d leaves the worker. That is needed
// because d may come back on another worker, and the private frames of a worker belong to the task
// that runs on it. It is small enough to inline.
func (w *worker) shareForks(d *rt.Task) {
	if w.Forks.PrivateLen() > 0 {
		w.shareForksSlow(d)
	}
}

func (w *worker) shareForksSlow(d *rt.Task) {
	w.Expose(d)
	w.WakeThief()
}

// WakeThief implements rt.Host.
func (w *worker) WakeThief() {
	if w.s.crowded(0) {
		return
	}
	w.crew.wakeOne()
	if w.s.idle.Sleeping() != 0 {
		// The exposure has answered the requests of all workers, but some workers still sleep. So
		// this worker asks itself on their behalf: its next fork then exposes again, and wakes one
		// more.
		w.Forks.Thief().Ask()
	}
}
