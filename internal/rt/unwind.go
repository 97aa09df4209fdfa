package rt

import "runtime"

// An Unwind is the reason why a deferred function runs.
type Unwind uint8

// The reasons.
const (
	NoUnwind  Unwind = iota // the function that deferred it returns
	Panicking               // a panic unwinds the stack
	Exiting                 // runtime.Goexit unwinds the stack
)

// Unwinding returns the reason why a deferred function runs. For a panic, raiser is the name of the
// function that called panic.
//
// That recover returns nil is no evidence of a Goexit, because with GODEBUG=panicnil=1 it also
// returns nil for panic(nil). Unwinding looks for the runtime function that calls the deferred one.
//
// The deferred function calls Unwinding with skip 0, or calls it through skip other functions,
// which must not be inlined. It must know already that the deferring function has not returned,
// because a return leaves no mark on the stack, and Unwinding would find a panic further up.
// Unwinding walks a few frames, which takes some hundred nanoseconds, so it is for slow paths.
//
//go:noinline
func Unwinding(skip int) (why Unwind, raiser string) {
	var pcs [8]uintptr
	// Callers, Unwinding and the deferred function are left out.
	stack := runtime.CallersFrames(pcs[:runtime.Callers(3+skip, pcs[:])])
	for {
		f, more := stack.Next()
		switch f.Function {
		case "runtime.Goexit":
			return Exiting, ""
		case "runtime.gopanic":
			f, _ = stack.Next()
			return Panicking, f.Function
		}
		if !more {
			return NoUnwind, ""
		}
	}
}
