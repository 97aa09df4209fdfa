package rt

import (
	"unsafe"

	"github.com/heddle-go/heddle/internal/fiber"
)

// A fork corrupts its worker if another task or goroutine than the owner of the Ctx makes it. To
// look up the goroutine of each caller would cost a third of a fork. So the worker remembers where
// on the stack it has found the right caller, and compares that with the address of a local
// variable of the next caller:
//
//   - The Go runtime aligns a stack to at least its smallest size, 2 KB. So a region of that size
//     and alignment never belongs to two stacks at once.
//   - A caller outside of the region is looked up by its goroutine. In a recursive Fibonacci
//     function that happens at 4% of the calls.
//   - The worker also remembers the Ctx, and forgets both when Current changes.
//
// One misuse may go unnoticed: after the last fork of the running task, the runtime moves the
// task's stack, because it was too small or too large, and gives the old region to another
// goroutine. Then that goroutine forks with the Ctx of the task.

// regionBits is the binary logarithm of the size of a region.
const regionBits = 11

// SetCurrent makes d the task that w runs. d may be nil. Only the worker calls it.
func (w *Worker) SetCurrent(d *Task) {
	w.Current.Store(d)
	w.known = 0
}

// Knows reports whether Check has found, since the last SetCurrent, that a caller in the region of
// here runs as c. here points to a local variable of the caller.
func (w *Worker) Knows(c *Life, here *byte) bool {
	return region(here) == w.known && uintptr(unsafe.Pointer(c)) == w.knownLife
}

// Check reports whether the caller runs as c, and the current task of w does. If so, it remembers c
// and the region of here. It may return false on a goroutine that runs as a part of the task.
//
//go:noinline
func (w *Worker) Check(c *Life, here *byte) bool {
	d := c.Task()
	if w.Current.Load() != d || !w.Fib.Load().RunsOn(fiber.Goroutine()) || !c.is(d.Status()) {
		return false
	}
	w.known, w.knownLife = region(here), uintptr(unsafe.Pointer(c))
	return true
}

func region(here *byte) uintptr { return uintptr(unsafe.Pointer(here)) >> regionBits }
