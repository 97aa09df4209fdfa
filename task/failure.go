package task

import (
	"runtime"
	"runtime/debug"

	"github.com/heddle-go/heddle/internal/rt"
)

// failure returns the error for a user's function that has panicked or called runtime.Goexit. Only
// a deferred function of the function that called the user's function may call failure. v is the
// value that this deferred function recovered. c is the task on which the user's function ran, or
// nil if it ran on no task.
//
//go:noinline
func failure(c *Ctx, v any) error {
	if v == nil { // a Goexit, or a panic(nil) with GODEBUG=panicnil=1
		if unwind, _ := rt.Unwinding(1); unwind != rt.Panicking {
			if c != nil {
				if err := c.record().TakeFailure(); err != nil {
					return err
				}
			}
			return ErrGoexit
		}
		v = new(runtime.PanicNilError)
	}
	if e, ok := v.(*PanicError); ok {
		return e // a Wait or a join raised e, and e has the original stack
	}
	return &PanicError{Value: v, Stack: debug.Stack()}
}
