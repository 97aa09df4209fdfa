package task

import (
	"runtime"
	"runtime/debug"

	"github.com/heddle-go/heddle/internal/rt"
)

// failure returns the error of a function of the user's that has not returned. The deferred
// function of its caller calls it with what it recovered. c is the task on which the function ran,
// or nil if it was none.
//
//go:noinline
func failure(c *Ctx, v any) error {
	if v == nil { // by Goexit, or by panic(nil) with GODEBUG=panicnil=1
		if why, _ := rt.Unwinding(1); why != rt.Panicking {
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
		return e // it comes from a Wait or a join, and has the stack of its origin
	}
	return &PanicError{Value: v, Stack: debug.Stack()}
}
