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
// A nil from recover does not prove a Goexit, because with GODEBUG=panicnil=1 recover also returns
// nil for panic(nil). So Unwinding walks the stack and looks for the runtime function that called
// the deferred function.
//
// The deferred function calls Unwinding directly with skip 0. If it calls through n other
// functions, skip is n, and these functions must not be inlined. The deferred function must know
// already that the function that deferred it has not returned. A return leaves no mark on the
// stack, so Unwinding could find a panic further up instead. Unwinding walks a few frames, which
// takes some hundred nanoseconds, so it is for slow paths.
//
//go:noinline
func Unwinding(skip int) (unwind Unwind, raiser string) {
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
