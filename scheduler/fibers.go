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

	// The fresh task that runs, and how it failed, if it did.
	cur     *rt.Desc
	failure error

	goexits int // how many Goexits its stack is in
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
	normal := false
	defer func() {
		if !normal {
			l.goexit()
		}
	}()
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
			normal = true
			return
		}
	}
}

// goexit is where a runtime.Goexit of a task comes by. It unwinds this stack and cannot
// be stopped; let out, it would come up in whoever sleeps in this fiber's slot. So the loop goes on
// from here, inside the deferred call, until the fiber has to end anyway.
//
//go:noinline
func (l *looper) goexit() {
	l.Taint()
	if l.failure == nil {
		// Otherwise a deferred call of the task panicked meanwhile.
		l.failure = task.ErrGoexit
	}
	l.finish()
	if l.goexits++; l.goexits < maxGoexits {
		l.loop()
		return
	}
	w := l.w
	l.switchTo(w, actRetire, w.takeLooper(nil).Fiber)
}

// maxGoexits bounds how deep a fiber's stack gets by Goexits, at half a kilobyte each. A
// fiber that has seen so many is retired: nothing runs on it any more.
const maxGoexits = 64

// sleep pools the looper and switches to to. When it returns, somebody has taken the
// looper from the pool, or it is dying.
func (l *looper) sleep(w *worker, to *fiber.Fiber) { l.switchTo(w, actPool, to) }

func (l *looper) switchTo(w *worker, act action, to *fiber.Fiber) {
	w.act, w.prevLooper = act, l
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
	l.cur = d
	l.call(d)
	l.finish()
}

// call calls the task's function. A panic ends up in failure. A Goexit passes
// through; so does one in the course of which a deferred call panicked, although the panic is
// recovered here.
func (l *looper) call(d *rt.Desc) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			l.failure = &task.PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	if fn, ok := d.Fn.(func(*task.Ctx)); ok {
		fn((*task.Ctx)(d))
	} else {
		d.Fn.(*rt.Frame).Body.RunStolen(d)
	}
	returned = true
}

// finish ends the task that ran, on the worker that it ended on.
func (l *looper) finish() {
	d := l.cur
	w := d.Worker().Host.(*worker)
	failure := l.failure
	if w.Unjoined(d) {
		failure = unjoined(d, failure)
		w = d.Worker().Host.(*worker)
	}
	l.w, l.cur, l.failure = w, nil, nil
	w.end(d, failure)
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
	mu      sync.Mutex
	idle    []*looper
	retired []*looper // those that must not be used any more
	low     int       // the least number of idle loopers since the last trim
	last    int64
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

func (p *loopers) retire(l *looper) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retired = append(p.retired, l)
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
	victims = append(victims, p.retired...)
	p.retired = nil
	p.mu.Unlock()
	for _, l := range reap(victims) {
		if l.goexits < maxGoexits {
			p.put(l)
		} else {
			p.retire(l)
		}
	}
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
