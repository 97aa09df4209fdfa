package rt

import "sync/atomic"

// here has the workers of the process by their Index, as far as it is small. It is no part of any model of the
// schedule explorer, so its words are not package atomicx's.
var (
	here    [64]atomic.Pointer[Worker]
	hereTop atomic.Uint32 // no Index from here on is in use
)

// Register makes w one that Here knows. Called before w runs, with w.Index set.
func Register(w *Worker) {
	if w.Index >= len(here) {
		return
	}
	here[w.Index].Store(w)
	for n := uint32(w.Index) + 1; ; {
		old := hereTop.Load()
		if old >= n || hereTop.CompareAndSwap(old, n) {
			return
		}
	}
}

// Unregister takes back Register, when w has ended.
func Unregister(w *Worker) {
	if w.Index < len(here) {
		here[w.Index].Store(nil)
	}
}

// Here returns the worker on which the caller runs, or nil if it runs on none or that is not to be found out: it is for
// operations that are told nothing of their caller, and can do without. guess is looked at first; it may be nil.
//
// A worker that names the caller's fiber as the one that runs is the caller's: whoever leaves a worker has named
// another fiber there before, in his own thread of control, so that if he finds himself named again, it is
// since he has been put there again. What others see there may be old, but is never theirs. And a fiber
// that has ended, whose goroutine's record the caller may have got, is named nowhere, since fibers end while they are idle.
//
// It costs a load or three a worker, and so is for slow paths.
func Here(guess *Worker) *Worker {
	if guess != nil && guess.here() {
		return guess
	}
	for i := range hereTop.Load() {
		if w := here[i].Load(); w != nil && w != guess && w.here() {
			return w
		}
	}
	return nil
}

func (w *Worker) here() bool {
	f := w.Fib.Load()
	return f != nil && f.Place.Here()
}
