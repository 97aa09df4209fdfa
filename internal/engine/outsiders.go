package engine

import (
	"runtime"
	"time"
)

// A patience is how long a worker has seen an outsider wait for a P. Only the worker touches it.
type patience struct {
	since int64  // when an outsider was first seen waiting; 0: none is
	looks uint32 // counts the calls of look
}

// look reports whether this is an eighth call.
func (p *patience) look() bool {
	p.looks++
	return p.looks%8 == 0
}

// mustYield reports whether an outsider has been waiting for readyPatience at the time now. If so,
// the next call begins anew.
func (p *patience) mustYield(now int64) bool {
	if p.since == 0 {
		p.since = now
		return false
	}
	if now-p.since < readyPatience {
		return false
	}
	p.since = 0
	return true
}

// seeReadyGoroutines calls letIn at every eighth call, because letIn needs a reading of the clock.
// pick calls it while an outsider waits for a P.
func (w *worker) seeReadyGoroutines() {
	if w.patience.look() {
		w.letIn(w.s.now())
	}
}

// letIn gives this P to the Go scheduler for a moment, if an outsider that a worker has made ready
// has been waiting for a P for readyPatience. It does not give up the P sooner, because that costs
// a pinned worker two thread switches, and because an outsider that finds a P to spare runs there
// within microseconds.
func (w *worker) letIn(now int64) {
	if !w.patience.mustYield(now) {
		return
	}
	w.n.letIns++
	if w.fixed {
		runtime.Gosched()
		return
	}
	w.unpin()
	runtime.Gosched()
	w.pin()
}

// readyPatience is twice the time that the Go runtime takes to wake a thread for a goroutine that
// was made ready, if there is a P to spare.
const readyPatience = int64(20 * time.Microsecond)

// letOutsiders gives the P to an outsider that was made ready, if there is only one P. The worker's
// thread is about to sleep in a system call, and the Go runtime takes some time to see that such a
// thread does not use its P. If there are more Ps, another one has run the outsider by then.
func (w *worker) letOutsiders() {
	if w.s.procs.Load() == 1 && w.s.shared.ReadyGoroutines.Load() != 0 {
		w.n.letIns++
		runtime.Gosched()
	}
}
