package engine

import (
	"log/slog"
	"runtime"

	"github.com/heddle-go/heddle/internal/thread"
)

// pin locks the worker to the thread that it finds itself on, and binds that to the worker's CPU.
func (w *worker) pin() {
	if !w.pinned {
		return
	}
	runtime.LockOSThread()
	w.roams = false
	if tid := thread.ID(); tid != w.tid {
		if w.tid != 0 {
			w.n.sleepMoves++
		}
		w.tid = tid
	}
	w.bind()
}

// unpin undoes pin: the Go runtime gets the thread back as it was.
func (w *worker) unpin() {
	if !w.pinned {
		return
	}
	w.bound.Undo()
	runtime.UnlockOSThread()
}

// checkThread counts moves of the worker to another thread while it was awake, and binds the new
// thread.
func (w *worker) checkThread() {
	if !w.pinned {
		return
	}
	tid := thread.ID()
	if tid == w.tid {
		w.roams = false
		return
	}
	if w.roams {
		w.n.sleepMoves++
	} else {
		w.n.moves++
	}
	w.roams = false
	w.tid = tid
	w.bind()
}

// bind binds the present thread to the worker's CPU, if it has one.
func (w *worker) bind() {
	if w.s.cfg.CPUs == nil {
		return
	}
	w.bound.Undo()
	if err := w.bound.Bind(w.s.cfg.CPUs[w.id%len(w.s.cfg.CPUs)], w.s.cfg.CPUs); err != nil {
		w.s.cfg.warn("heddle: a worker's thread could not be bound", slog.Int("worker", w.id), slog.Any("err", err))
	}
}
