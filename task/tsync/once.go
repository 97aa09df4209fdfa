package tsync

import (
	"context"
	"runtime"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Once does something once. The zero Once has not done it. It must not be copied.
type Once struct {
	begun atomicx.Bool
	done  Event
}

// Do calls f if it is the first call of Do, on any f. All others wait, parking the task or blocking the goroutine, until
// that one has returned or panicked; when ctx ends first they return the cause. If ctx has ended at the call, f is
// not called and Do returns the cause. A Do inside f waits for itself, until its context ends.
//
// If f panics, Do counts it as done, and the panic goes to the first caller alone.
func (o *Once) Do(ctx context.Context, f func()) error {
	if o.done.IsSet() {
		_, err := task.Enter(ctx)
		return err
	}
	return o.doSlow(ctx, f)
}

func (o *Once) doSlow(ctx context.Context, f func()) error {
	if f == nil {
		panic("tsync: Once.Do with a nil function")
	}
	if _, err := task.Enter(ctx); err != nil {
		return err
	}
	if !o.begun.CompareAndSwap(false, true) {
		return o.done.wait(ctx, rt.WaitOnce)
	}
	defer o.done.Set()
	f()
	return nil
}

// OnceValue returns a function that calls f at its first call, with that call's context, and returns f's
// value then and at every later call. Calls that come while f runs wait, parking the task or blocking the goroutine; those whose
// context ends first get the cause. If f panics, every call panics with the same value.
func OnceValue[T any](f func(ctx context.Context) T) func(ctx context.Context) (T, error) {
	if f == nil {
		panic("tsync: OnceValue with a nil function")
	}
	var (
		once  Once
		value T
		valid bool
		p     any
	)
	return func(ctx context.Context) (T, error) {
		err := once.Do(ctx, func() {
			defer func() {
				if valid {
					return
				}
				if p = recover(); p == nil {
					if why, _ := rt.Unwinding(0); why != rt.Panicking {
						return // runtime.Goexit
					}
					p = new(runtime.PanicNilError) // panic(nil) with GODEBUG=panicnil=1
				}
				panic(p)
			}()
			value = f(ctx)
			f = nil
			valid = true
		})
		if err != nil {
			var zero T
			return zero, err
		}
		if !valid {
			if p == nil {
				p = "tsync: the function of OnceValue called runtime.Goexit and has no value"
			}
			panic(p)
		}
		return value, nil
	}
}
