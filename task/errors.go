package task

import (
	"errors"
	"fmt"
	"strings"

	"github.com/heddle-go/heddle/internal/rt"
)

// errClosed keeps the name of an internal package out of the documentation of ErrClosed.
var errClosed = rt.ErrClosed

// ErrClosed is the error of a task that the scheduler's Close cancelled, and of a task that was
// submitted after Close. If Close cancels a task that waits under its own Ctx, the operation
// returns ErrClosed too. ErrClosed counts as a cancellation: errors.Is(ErrClosed, context.Canceled)
// holds.
var ErrClosed = errClosed

// ErrQueueFull is the error of a task that did not run because the queue for submissions from
// outside was at its limit. See scheduler.WithQueueLimit.
var ErrQueueFull = errors.New("task: queue full")

// ErrGoexit is the error of a task whose function called runtime.Goexit, either directly or through
// testing.T.FailNow and the like.
var ErrGoexit = errors.New("task: function called runtime.Goexit")

// PanicError is the error of a task whose function panicked. The verb %+v prints it with the stack:
// see Format.
type PanicError struct {
	Value any    // what was passed to panic; *runtime.PanicNilError for panic(nil)
	Stack []byte // the stack of the panic, as from debug.Stack
}

// Error returns the value as one line, without the stack. Line breaks in the value's text appear as
// \n.
func (e *PanicError) Error() string {
	return "task: panic: " + oneLine.Replace(fmt.Sprint(e.Value))
}

var oneLine = strings.NewReplacer("\n", `\n`, "\r", `\r`)

// Format implements fmt.Formatter. %+v writes the value unchanged, followed by the stack. %#v
// writes the fields. Every other verb formats the text of Error.
func (e *PanicError) Format(f fmt.State, verb rune) {
	switch {
	case verb == 'v' && f.Flag('+'):
		fmt.Fprintf(f, "task: panic: %v\n\n%s", e.Value, e.Stack)
	case verb == 'v' && f.Flag('#'):
		fmt.Fprintf(f, "&task.PanicError{Value:%#v, Stack:[]byte(%q)}", e.Value, e.Stack)
	default:
		fmt.Fprintf(f, fmt.FormatString(f, verb), e.Error())
	}
}

// Unwrap returns the value if it is an error, and otherwise nil.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
