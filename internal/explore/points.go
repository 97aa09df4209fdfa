package explore

import (
	"fmt"
	"runtime"
)

// Point is a scheduling point. A model thread calls it before each operation that other threads can
// observe. The argument what names the operation. Other threads may run before Point returns.
// Outside an exploration it does nothing.
func Point(what string) {
	if x := active.Load(); x != nil {
		x.point(what, nil, false)
	}
}

// Yield is a Point for a thread that waits for other threads. Each thread that can run has a turn
// before the caller has its next one. The explorer does not count this as a preemption.
func Yield(what string) {
	if x := active.Load(); x != nil {
		x.point(what, nil, true)
	}
}

// Block is a Point that returns only when cond holds. No other thread runs between the last
// evaluation of cond and the return. The explorer evaluates cond often, and on any thread, so cond
// must have no effects. If no thread can go on, the exploration fails with a deadlock. Outside an
// exploration Block does nothing, so the operation after it must wait by itself.
func Block(what string, cond func() bool) {
	if x := active.Load(); x != nil {
		x.point(what, cond, false)
	}
}

// Active reports whether a model is being explored.
func Active() bool { return active.Load() != nil }

// Failf fails the present schedule and ends the calling thread. Outside an exploration it panics.
//
// When a thread finds a fault, it must call Failf, and not the FailNow of a test. Only the test's
// goroutine may call FailNow. It would also fail a test that expects the exploration to find a
// fault.
func Failf(format string, args ...any) {
	x := active.Load()
	if x == nil {
		panic("explore: Failf outside an exploration: " + fmt.Sprintf(format, args...))
	}
	x.fail(AssertFailed, x.running.name+": "+fmt.Sprintf(format, args...))
	runtime.Goexit()
}
