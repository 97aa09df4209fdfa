package explore

import (
	"fmt"
	"runtime"
)

// Point is a scheduling point: a model thread calls it before each operation that other threads can observe, and what names the
// operation. Other threads may run before Point returns. Outside an exploration it does nothing.
func Point(what string) {
	if x := active.Load(); x != nil {
		x.point(what, nil, false)
	}
}

// Yield is a Point of a thread that waits for the others: each of those that can run has a turn before it has another. Giving the turn away
// there is not a preemption.
func Yield(what string) {
	if x := active.Load(); x != nil {
		x.point(what, nil, true)
	}
}

// Block is a Point that returns only when cond holds, and does so with no other thread running in between. cond is evaluated often, on any
// thread: it must have no effects. If no thread can go on any more, the exploration fails with a deadlock. Outside an exploration Block
// does nothing: the operation that follows must be one that waits by itself.
func Block(what string, cond func() bool) {
	if x := active.Load(); x != nil {
		x.point(what, cond, false)
	}
}

// Active reports whether a model is being explored.
func Active() bool { return active.Load() != nil }

// Failf fails the schedule under way and ends the calling thread. Outside an exploration it panics.
//
// It is what a thread should use to state what must hold: the FailNow of a test belongs to the test's goroutine, and would
// fail the test also where a failure is what the test is looking for.
func Failf(format string, args ...any) {
	x := active.Load()
	if x == nil {
		panic("explore: Failf outside an exploration: " + fmt.Sprintf(format, args...))
	}
	x.fail(AssertFailed, x.running.name+": "+fmt.Sprintf(format, args...))
	runtime.Goexit()
}
