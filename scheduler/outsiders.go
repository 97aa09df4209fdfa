package scheduler

import (
	"runtime"
	"time"
)

// seeReadyGoroutines looks at the clock now and then while an outsider waits for a P.
func (w *worker) seeReadyGoroutines() {
	if w.owedLook++; w.owedLook%8 == 0 {
		w.letIn(w.s.now())
	}
}

// letIn lets the Go scheduler run others on this P if an outsider that a
// worker made ready has been waiting for one. With a P to spare it is run elsewhere within
// microseconds, and there is nothing to do: giving up the P costs a pinned worker
// two thread switches.
func (w *worker) letIn(now int64) {
	if w.readySince == 0 {
		w.readySince = now
		return
	}
	if now-w.readySince < readyPatience {
		return
	}
	w.readySince = 0
	w.n.letIns++
	if w.fixed {
		runtime.Gosched()
		return
	}
	w.unpin()
	runtime.Gosched()
	w.pin()
}

// readyPatience is twice the time that the Go runtime takes to wake a thread for a
// goroutine that a running P has made ready, if there is another P.
const readyPatience = int64(20 * time.Microsecond)

// letOutsiders gives the P to an outsider that was made ready, if it is the only one:
// the thread is going to sleep in a system call, and the Go runtime takes some time to see
// that such a thread does not use its P. With more of them, another P has fetched the
// outsider by then.
func (w *worker) letOutsiders() {
	if w.s.procs.Load() == 1 && w.s.home.ReadyGoroutines.Load() != 0 {
		w.n.letIns++
		runtime.Gosched()
	}
}
