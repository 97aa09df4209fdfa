package rt

import "runtime"

// An Unwind says why a deferred function runs.
type Unwind uint8

// The reasons.
const (
	NoUnwind  Unwind = iota // its function returns
	Panicking               // a panic unwinds the stack
	Exiting                 // runtime.Goexit does
)

// Unwinding tells why a deferred function runs, and by is the name of the function that called panic. That recover returns nil is
// no evidence of a Goexit: with GODEBUG=panicnil=1 it also returns nil for panic(nil). The evidence is the runtime function
// that calls the deferred one.
//
// The deferred function calls Unwinding with skip 0, or calls it by way of skip other functions, which must not be inlined. It
// must know already that its function has not returned: a return has nothing on the stack to be told by, and Unwinding would find
// a panic further up. Unwinding walks a few frames, which takes some hundred nanoseconds, so it is for slow paths.
//
//go:noinline
func Unwinding(skip int) (why Unwind, by string) {
	var pcs [8]uintptr
	// Callers and Unwinding are left out, and so is the deferred function.
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
