package engine

import (
	"sync"

	"github.com/heddle-go/heddle/internal/atomicx"
)

// A workerPool has the workers of a scheduler, one for each id that was ever in use. The workers
// from size on have left, or are leaving. A worker that has left has no goroutine and no thread,
// but other workers may still look into its queues.
//
//	member -> leaving   Resize to fewer workers
//	leaving -> member   Resize to more workers, before the worker has left
//	leaving -> left     the worker itself, as its last act, when it has nothing left
//	left -> member      Resize to more workers, which starts a new goroutine for it
//
// A worker that has to leave notices it at every fairTick-th look for work (fair), when it finds no
// task (find), or when its task's budget is spent (mustYield). It moves the tasks of its queues to
// the injector, by Sleep-P1 to Sleep-P3 of the sleep protocol, and ends. Resize wakes a worker that
// sleeps:
//
//	Resize                                    worker
//	Resize-R1  store leaving                  Sleep-W2  announce that it sleeps
//	Resize-R2  claim this worker; wake it     Sleep-W3  load member
//
// Either Resize-R2 finds the announcement, or Sleep-W3 comes after Resize-R1 and sees it.
//
// The proof of the sleep protocol still holds. A worker that leaves does not come to Sleep-W2 and
// Sleep-W3. If it is a searcher, it passes Sleep-W5 (stopSearching in find). If it is not, no
// producer relies on it, and its own tasks are in the injector. One worker is always a member.
type workerPool struct {
	workers atomicx.Pointer[[]*worker] // by id. Copied to change it, under mu; it only grows
	size    atomicx.Int64              // written under mu
	quit    atomicx.Bool               // the workers have to end. Written under mu
	mu      atomicx.Mutex
	done    sync.WaitGroup // the workers' goroutines
}

const (
	wkMember = iota
	wkLeaving
	wkLeft
)

// workers returns all workers, also those that have left, by id.
func (c *crew) workers() []*worker { return *c.pool.workers.Load() }

// Workers does what scheduler.Scheduler.Workers says.
func (c *crew) Workers() int {
	return int(c.pool.size.Load())
}

// leaving reports whether the worker has to leave.
func (t *toldState) leaving() bool { return t.member.Load() != wkMember }

// halting reports whether the worker must run no other task, because it has to leave or the
// scheduler is paused. If so, it makes the next pick check this again before it takes a task. The
// running task, which gives way now, is only queued after the switch, and that pick must not take
// it.
func (w *worker) halting() bool {
	if !w.leaving() && !w.s.pause.on.Load() {
		return false
	}
	w.fairNext()
	return true
}

// fairNext makes the next look for work begin with fair. On a directed worker no look does, because
// fair takes a task without asking the director.
func (w *worker) fairNext() {
	if w.s.dir == nil {
		w.skipToFair()
	}
}
