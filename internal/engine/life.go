package engine

import (
	"sync"

	"golang.org/x/sys/cpu"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/idle"
	"github.com/heddle-go/heddle/task"
)

// The phases of a scheduler's life, in order. ARCHITECTURE.md, "Shutting down", says what
// each allows. The zero life is in none of them.
const (
	phaseOpen     = 1 + iota
	phaseDraining // no submissions from outside; tasks go on and may start others
	phaseClosed   // tasks are cancelled; none starts
)

// A life says how far a scheduler's life has come, and how many tasks it has.
type life struct {
	phase  atomicx.Int32 // written by Shutdown, Close and end
	set    *idle.Set
	quiet  chan struct{} // closed when all tasks have ended and no further task can come
	closed chan struct{} // closed when nothing of the scheduler is left
	finish sync.Once     // the body of end runs once

	_ cpu.CacheLinePad
	// live counts the tasks that were accepted and have not ended. A submission from outside is
	// added at once. Each worker counts the tasks that start and end on it, and adds the difference
	// to live before it sleeps or leaves (flush). So live is exact while all workers sleep, and
	// quiesce relies on it only then. At other times live may have any value.
	live  atomicx.Int64
	waits waits
}

func (l *life) init(set *idle.Set) {
	l.set = set
	l.quiet, l.closed = make(chan struct{}), make(chan struct{})
	l.phase.Store(phaseOpen)
}

// isQuiet reports whether quiet is closed.
func (l *life) isQuiet() bool {
	select {
	case <-l.quiet:
		return true
	default:
		return false
	}
}

// exit undoes one count of live: that of Scheduler.enter, or that of a blocking call that has
// ended.
func (l *life) exit() {
	l.live.Add(-1)
	l.quiesce()
}

// enterLate is Scheduler.enter for a task that a timer starts. quiesce looks at live and closes
// quiet under the lock of the idle set, which enterLate takes, too. So either enterLate counts the
// task before quiesce looks, or it sees that quiet is closed.
func (l *life) enterLate() (ok bool) {
	l.set.Locked(func() {
		if ok = l.phase.Load() < phaseClosed && !l.isQuiet(); ok {
			l.live.Add(1)
		}
	})
	return ok
}

// waits is the state of the calls of Scheduler.Wait. All calls that wait at the same time make a
// round, and share one completion.
//
//	Wait                              the last worker to sleep, and other callers of quiesce
//	Wait-A1  enter; set any           Wait-Q1  lower live, announce
//	Wait-A2  look whether no task     Wait-Q2  load any; if it is set, look whether no task
//	         is left                           is left
//
// Either Wait-A2 sees what Wait-Q1 did, or Wait-Q2 sees Wait-A1.
type waits struct {
	any atomicx.Bool // there is a round; written under mu
	mu  sync.Mutex
	on  *task.Completion[struct{}] // the present round waits for it; nil: there is no round
}

// quiesce checks whether no task is left. That is so if all workers sleep, and live, which is exact
// then, is 0. If so, it ends the present calls of Wait. If the phase is past open, too, no further
// task can come, and quiesce closes quiet. It is called after each event that can make that so: a
// worker went to sleep or left, a submission was taken back, a blocking call ended, the phase
// changed, Wait was called.
func (l *life) quiesce() {
	open := l.phase.Load() == phaseOpen
	if l.live.Load() != 0 || open && !l.waits.any.Load() {
		return
	}
	var ended *task.Completion[struct{}]
	l.set.IfAllAsleep(func() {
		// All workers have flushed, and no worker wakes while the set is locked.
		none := func() bool { return l.live.Load() == 0 }
		if !open && none() && !l.isQuiet() {
			close(l.quiet)
		}
		// If quiet is closed now, a Wait that joins later sees that.
		ended = l.waits.take(func() bool { return l.isQuiet() || none() })
	})
	if ended != nil {
		ended.Complete(struct{}{}, nil) // may wake a worker
	}
}

// take ends the present round if no task is left, and returns the round's completion, which the
// caller completes. Otherwise it returns nil. idle reports whether no task is left. take calls idle
// under mu. So if a goroutine submits a task and then calls Wait, either idle sees the task, or
// that Wait joins the next round.
func (q *waits) take(idle func() bool) *task.Completion[struct{}] {
	q.mu.Lock()
	defer q.mu.Unlock()
	on := q.on
	if on == nil || !idle() {
		return nil
	}
	q.on = nil
	q.any.Store(false)
	return on
}

// join returns the completion of the present round, and begins a round if there is none.
func (q *waits) join() *task.Completion[struct{}] {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.on == nil {
		q.on = new(task.Completion[struct{}])
		q.any.Store(true) // (Wait-A1)
	}
	return q.on
}
