package engine

import (
	"fmt"

	"github.com/heddle-go/heddle/task"
)

// The advice that crash prints.
const (
	handlePanics    = "scheduler.WithPanicHandler handles them"
	mendTheHandler  = "its handler, set by scheduler.WithPanicHandler, panicked too, and has to recover from its own"
	mendTheObserver = "it came up in the Observer, set by scheduler.WithObserver, whose methods must not panic"
	ownFault        = "it came up in the scheduler itself, or in a function that a worker calls between two tasks"
)

// crash ends the process as an unrecovered panic of a goroutine does. It does not return. If it let
// the panic unwind its fiber, iter.Pull would carry the panic into another fiber. So crash raises
// the panic again on a new goroutine, where nothing recovers it. The Go runtime then ends the
// process, and debug.SetCrashOutput, GOTRACEBACK and core dumps work as for any other panic.
func crash(t task.Task, e *task.PanicError, advice string) {
	go raise(t, e, advice)
	select {}
}

// raise is the new goroutine of crash. It computes the text of the panic here, too, because methods
// of the value may do anything. Even if a method calls runtime.Goexit, the process ends.
func raise(t task.Task, e *task.PanicError, advice string) {
	text := fmt.Sprintf("(%T)", e.Value)
	defer func() {
		name := t.Name()
		if name != "" {
			name = " " + name
		}
		panic(&unhandled{fmt.Sprintf("%s\n\n[heddle: unhandled panic in task%s; %s]\n%s", text, name, advice, e.Stack)})
	}()
	text = panicText(e.Value)
}

// unhandled is what crash panics with. The Go runtime prints the text of an error.
type unhandled struct{ text string }

func (u *unhandled) Error() string { return u.text }

// twoPanics has the values of a panic and of the panic of the handler that was called for it.
type twoPanics struct{ first, handlers any }

// panicText formats a panic's value much as the Go runtime does. If a method of the value panics,
// the text says so.
func panicText(v any) (text string) {
	defer func() {
		if p := recover(); p != nil {
			text = fmt.Sprintf("(%T) %v\n\tpanic in a method of this value: %v", v, plain{v}, p)
		}
	}()
	switch v := v.(type) {
	case *twoPanics:
		return panicText(v.first) + "\n\tpanic in the panic handler: " + panicText(v.handlers)
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	case string:
		return v
	}
	return fmt.Sprintf("(%T) %v", v, v)
}

// plain formats a value without its methods.
type plain struct{ v any }

func (p plain) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "%p", p.v) }
