package tsync

import (
	"runtime"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// Once does something once, as a sync.Once does. The zero Once has not done it. It must not be copied.
type Once struct {
	_     noCopy
	begun atomicx.Bool
	done  Event
}

// Do calls f if it is the first call of Do, on any f. The other callers wait, parking the task or blocking the goroutine,
// until that call has ended. Nothing else ends their wait, so a Do inside f waits for itself for ever.
//
// If f panics, Do counts it as done, and the panic goes to the first caller alone.
func (o *Once) Do(f func()) {
	if !o.done.IsSet() {
		o.doSlow(f)
	}
}

func (o *Once) doSlow(f func()) {
	if f == nil {
		panic("tsync: Once.Do with a nil function")
	}
	if !o.begun.CompareAndSwap(false, true) {
		o.done.waitHard(rt.WaitOnce)
		return
	}
	defer o.done.Set()
	f()
}

// OnceFunc returns a function that calls f at its first call only. Calls that come while f runs wait for its end, parking the
// task or blocking the goroutine. If f panics, every call panics with the same value; if it calls runtime.Goexit, every later
// call panics.
func OnceFunc(f func()) func() {
	if f == nil {
		panic("tsync: OnceFunc with a nil function")
	}
	o := &onceFunc{f: f}
	return func() { o.do() }
}

// OnceValue is [OnceFunc] for a function with a value, which every call returns.
func OnceValue[T any](f func() T) func() T {
	if f == nil {
		panic("tsync: OnceValue with a nil function")
	}
	var v T
	o := &onceFunc{f: func() { v = f() }}
	return func() T {
		o.do()
		return v
	}
}

// OnceValues is [OnceFunc] for a function with two values, which every call returns.
func OnceValues[T1, T2 any](f func() (T1, T2)) func() (T1, T2) {
	if f == nil {
		panic("tsync: OnceValues with a nil function")
	}
	var (
		v1 T1
		v2 T2
	)
	o := &onceFunc{f: func() { v1, v2 = f() }}
	return func() (T1, T2) {
		o.do()
		return v1, v2
	}
}

// A onceFunc is a function that is called once. The fields are written by the call that once lets in, and read after it.
type onceFunc struct {
	once  Once
	f     func() // nil afterwards, so that what it holds can be collected
	valid bool   // f has returned
	p     any    // what f has panicked with
}

func (o *onceFunc) do() {
	if !o.once.done.IsSet() {
		o.once.doSlow(o.call)
	}
	if !o.valid {
		panic(o.p)
	}
}

func (o *onceFunc) call() {
	defer func() {
		o.f = nil
		if o.valid {
			return
		}
		if o.p = recover(); o.p == nil {
			if why, _ := rt.Unwinding(0); why != rt.Panicking {
				o.p = "tsync: the function of OnceFunc or OnceValue called runtime.Goexit and has no value"
				return
			}
			o.p = new(runtime.PanicNilError) // panic(nil) with GODEBUG=panicnil=1
		}
		panic(o.p)
	}()
	o.f()
	o.valid = true
}
