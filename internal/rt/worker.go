package rt

import (
	"sync"

	"golang.org/x/sys/cpu"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/deque"
	"github.com/heddle-go/heddle/internal/fiber"
)

// Shared is what every task of a scheduler knows of it.
type Shared struct {
	Sched Scheduler
	// Pinned reports whether workers are locked to their threads while they run tasks.
	Pinned bool
	// PanicsEnd reports whether a panic of a task ends the process, because there is no handler.
	PanicsEnd bool
	// Workers is the number of workers. The scheduler writes it.
	Workers atomicx.Int64
	// ReadyGoroutines counts the goroutines outside the scheduler that a worker has made ready and
	// that have not run since. The worker adds one, and the goroutine subtracts one when it runs.
	// While the count is positive, workers now and then call runtime.Gosched, because such a
	// goroutine needs a P. It has a cache line of its own, because workers read it and the words
	// around it at each look for work.
	_               cpu.CacheLinePad
	ReadyGoroutines atomicx.Int64
	_               cpu.CacheLinePad
	// Waiters pools the waiters of goroutines. The pool belongs to one scheduler because a waiter's
	// channel must not move from one synctest bubble to another, and a scheduler never does.
	Waiters sync.Pool
}

// Worker is the part of a worker that its tasks, and all parties that hold a task's handle, can
// see.
type Worker struct {
	Host   Host
	Shared *Shared

	// Index is a small number that no two running workers of the process share. A later worker gets
	// the number again after this one has ended.
	Index int
	// At is the worker's index in its scheduler.
	At int
	// Looks does not change after the worker was made.
	Looks Looks

	// Forks holds the frames of the calls that tasks forked on this worker.
	Forks deque.Owner[Frame]

	// spares holds Runners that have run and can serve again; see Spare. Only the running task
	// touches it.
	spares  []Runner
	keepers []Keeper // see AddKeeper; only the running task touches it
	// joins lists free waiters, linked by next, and njoins counts them; see NewWaiter. Only the
	// running task touches them.
	joins  *Waiter
	njoins int
	asked  []Provider // see AskFor; only the running task and the worker touch it

	// Current is the task that the worker runs or ran last, or nil. The worker writes it at each
	// dispatch, by SetCurrent.
	Current atomicx.Relaxed[Task]
	// Fib is the fiber that runs. The worker, or the task on it, writes it before each switch; see
	// IsCurrent. It is never nil. While a task makes a call on the spot, and before the first
	// fiber, it is a fiber that is not running.
	Fib atomicx.Relaxed[fiber.Fiber]
	// known is the region of the stack in which Check found a caller last, or zero. knownLife is
	// the *Life that it found then.
	known, knownLife uintptr
	// Dispatch counts dispatches. A preempt mark names one of them. The worker writes it.
	Dispatch atomicx.RelaxedUint32
}

// maxSpares bounds the number of Runners that a worker keeps: 16 KB of interface values on a 64-bit
// machine.
const maxSpares = 1024

// Spare returns a Runner that Keep has stored, or nil. Only the running task may call it.
func (w *Worker) Spare() Runner {
	n := len(w.spares) - 1
	if n < 0 {
		return nil
	}
	r := w.spares[n]
	w.spares[n] = nil
	w.spares = w.spares[:n]
	return r
}

// Keep stores r for Spare. It returns false, and does not store r, if the worker holds enough
// Runners. Only the running task may call it.
func (w *Worker) Keep(r Runner) bool {
	if len(w.spares) == maxSpares {
		return false
	}
	w.spares = append(w.spares, r)
	return true
}

// A Keeper holds spare objects for the tasks of one worker.
type Keeper interface {
	// Forget drops all of them for the garbage collector. The worker calls it between two tasks.
	Forget()
}

// AddKeeper registers k, so that the next Worker.Forget calls k.Forget. Each registration serves
// once: k has to register again when it stores something new. Only the running task may call
// AddKeeper.
func (w *Worker) AddKeeper(k Keeper) { w.keepers = append(w.keepers, k) }

// A Provider gets spare objects for the tasks of one worker.
type Provider interface {
	// Provide ends the effect of AskFor. If fill is true, it also gets spare objects for w. The
	// worker calls it between two tasks, on its own stack.
	Provide(w *Worker, fill bool)
}

// AskFor makes the worker call p.Provide before it makes its next fiber, or when it forgets what it
// holds. A task that waits needs a new fiber if there is none to go on with, and so tasks that
// start one after the other, and wait, find spare objects. Only the running task may call AskFor,
// once for each call of Provide.
func (w *Worker) AskFor(p Provider) { w.asked = append(w.asked, p) }

// Provide calls each Provider that has been asked for. The worker calls it between two tasks, on
// its own stack.
func (w *Worker) Provide(fill bool) {
	for i, p := range w.asked {
		w.asked[i] = nil
		p.Provide(w, fill)
	}
	w.asked = w.asked[:0]
}

// Forget drops what Keep has stored and what the registered Keepers hold. The worker calls it
// between two tasks.
func (w *Worker) Forget() {
	w.spares = nil
	w.joins, w.njoins = nil, 0
	for _, k := range w.keepers {
		k.Forget()
	}
	w.keepers = nil
	w.Provide(false)
}

// Keeps reports whether Forget has more than a few objects to drop.
func (w *Worker) Keeps() bool { return len(w.spares) > maxSpares/16 || len(w.keepers) > 0 }
