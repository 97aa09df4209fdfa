package scheduler

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/heddle-go/heddle/internal/fiber"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// A looper is a fiber with the loop that runs tasks on it, one after the other. A
// task that never suspends is a plain call in that loop. When a task does suspend, the fiber
// stays with it, and the worker goes on with another fiber.
type looper struct {
	*fiber.Fiber
	w       *worker  // set by whoever switches to the loop, and by the loop itself
	pending *rt.Desc // what to run first; nil: look for something
}

// exchange switches from self to to on a worker that is locked to its thread if
// pinned; see leave.
func exchange(pinned bool, self, to *fiber.Fiber) {
	if !pinned {
		fiber.Switch(self, to)
		return
	}
	runtime.UnlockOSThread()
	fiber.Switch(self, to)
	if !self.Dying() {
		runtime.LockOSThread()
	}
}

// newLooper makes a sleeping looper. The caller is a worker.
func (s *Scheduler) newLooper() *looper {
	l := &looper{}
	if s.pinned() {
		runtime.UnlockOSThread()
		defer runtime.LockOSThread()
	}
	l.Fiber = fiber.New(func(*fiber.Fiber) {
		if s.pinned() {
			runtime.LockOSThread()
		}
		l.w.commit()
		l.loop()
	})
	return l
}

// loop runs tasks until the fiber has to end, or for ever if the worker quits: then
// the loop sleeps, and the reaper ends it.
func (l *looper) loop() {
	for {
		w, d := l.w, l.pending
		if d == nil {
			d = w.find()
		}
		l.pending = nil
		switch {
		case d == nil: // quit
			w.Current.Store(nil)
			l.sleep(w, w.base)
		case d.Fib != nil:
			w.begin(d)
			l.sleep(w, d.Fib)
		default:
			l.exec(w, d)
			continue
		}
		if l.Dying() {
			return
		}
	}
}

// sleep pools the looper and switches to to. When it returns, somebody has taken the
// looper from the pool, or it is dying.
func (l *looper) sleep(w *worker, to *fiber.Fiber) {
	w.act, w.prevLooper = actPool, l
	w.fib = to
	exchange(w.pinned, l.Fiber, to)
	if !l.Dying() {
		l.w.commit()
	}
}

// exec runs a fresh task. When it returns the task has ended, l.w is the
// worker that it ended on, and that need not be w.
func (l *looper) exec(w *worker, d *rt.Desc) {
	if d.Status().Cancelled() || w.s.phase.Load() >= phaseClosed {
		w.skip(d)
		return
	}
	w.fib = l.Fiber
	w.begin(d)
	failure := l.call(d)
	if w = d.Worker().Host.(*worker); w.Unjoined(d) {
		failure = unjoined(d, failure)
		w = d.Worker().Host.(*worker)
	}
	l.w = w
	w.end(d, failure)
}

// call calls the task's function and returns how it failed: nil, a
// *task.PanicError, or, for Goexit, not at all.
func (l *looper) call(d *rt.Desc) (failure error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			failure = &task.PanicError{Value: v, Stack: debug.Stack()}
			return
		}
		// runtime.Goexit unwinds this stack and cannot be stopped. Let out, it
		// would come up in whoever sleeps in this fiber's slot. So the
		// loop goes on from here, until the fiber has to end anyway.
		l.Taint()
		d.Settle()
		l.w = d.Worker().Host.(*worker)
		l.w.end(d, task.ErrGoexit)
		l.loop()
	}()
	if fn, ok := d.Fn.(func(*task.Ctx)); ok {
		fn((*task.Ctx)(d))
	} else {
		d.Fn.(*rt.Frame).Body.RunStolen(d)
	}
	returned = true
	return nil
}

// unjoined is the end of a task that has forked calls which it did not join. If its function
// returned, that is a mistake in the program.
func unjoined(d *rt.Desc, failure error) error {
	n := d.Settle()
	if failure != nil {
		return failure
	}
	return &task.PanicError{
		Value: fmt.Sprintf("parallel: a task returned with %d forked calls not joined: join each Fork before the function that forked it returns", n),
		Stack: debug.Stack(),
	}
}

// keepLoopers is how many idle loopers a worker keeps to itself.
const keepLoopers = 32

// loopers is the pool that workers share. What workers do not use for a while is
// ended: see trim.
type loopers struct {
	mu   sync.Mutex
	idle []*looper
	low  int // the least number of idle loopers since the last trim
	last int64
}

// takeLooper returns an idle looper for w to switch to.
func (w *worker) takeLooper(pending *rt.Desc) *looper {
	var l *looper
	if n := len(w.idleLoopers); n > 0 {
		l = w.idleLoopers[n-1]
		w.idleLoopers[n-1] = nil
		w.idleLoopers = w.idleLoopers[:n-1]
	} else if l = w.s.loopers.get(); l == nil {
		l = w.s.newLooper()
	}
	l.w, l.pending = w, pending
	return l
}

func (w *worker) keepLooper(l *looper) {
	if len(w.idleLoopers) < keepLoopers {
		w.idleLoopers = append(w.idleLoopers, l)
		return
	}
	w.s.loopers.put(l)
}

func (p *loopers) get() *looper {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	l := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	p.low = min(p.low, n-1)
	return l
}

func (p *loopers) put(ls ...*looper) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, ls...)
}

// trimEvery is how long a looper must have been superfluous before it is ended.
const trimEvery = int64(time.Second)

// trim ends half of the loopers that were not used since the last trim. Called by
// sysmon.
func (p *loopers) trim(now int64) {
	p.mu.Lock()
	if now-p.last < trimEvery {
		p.mu.Unlock()
		return
	}
	p.last = now
	n := (p.low + 1) / 2
	victims := append([]*looper(nil), p.idle[:n]...)
	p.idle = append(p.idle[:0], p.idle[n:]...)
	clear(p.idle[len(p.idle):cap(p.idle)])
	p.mu.Unlock()
	p.put(reap(victims)...)
	p.mu.Lock()
	p.low = len(p.idle)
	p.mu.Unlock()
}

// reap ends loopers and returns those that could not be.
func reap(ls []*looper) (left []*looper) {
	if len(ls) == 0 {
		return nil
	}
	of := make(map[*fiber.Fiber]*looper, len(ls))
	fs := make([]*fiber.Fiber, len(ls))
	for i, l := range ls {
		of[l.Fiber], fs[i] = l, l.Fiber
	}
	for _, f := range fiber.Reap(fs) {
		left = append(left, of[f])
	}
	return left
}
