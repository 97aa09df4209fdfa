package tsync

import (
	"runtime"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// Once runs one function once, like sync.Once. The zero Once has run none. A Once must not be
// copied.
type Once struct {
	_     noCopy
	begun atomicx.Bool
	done  Event
}

// Do calls f if this is the first call of Do, whatever functions the calls pass. All other callers
// wait until that call of f has ended, parking the calling task or blocking the calling goroutine.
// Cancelling a task does not end its wait. If f calls Do on the same Once, it waits for itself for
// ever.
//
// If f panics, only the first caller gets the panic, and all other calls return as if f had
// returned. Do panics if f is nil, unless an earlier call has already ended.
func (o *Once) Do(f func()) {
	if !o.done.IsSet() {
		o.doSlow(f)
	}
}

func (o *Once) doSlow(f func()) {
	point()
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

// OnceFunc returns a function that calls f only when it is called for the first time. Calls that
// come while f runs wait until f ends, parking the calling task or blocking the calling goroutine.
// If f panics, every call panics with the same value. If f calls runtime.Goexit, every later call
// panics. OnceFunc panics if f is nil.
func OnceFunc(f func()) func() {
	if f == nil {
		panic("tsync: OnceFunc with a nil function")
	}
	o := &onceFunc{f: f}
	return func() { o.do(o) }
}

// OnceValue is like [OnceFunc], for a function f that returns a value. Every call returns the value
// of the one call of f.
func OnceValue[T any](f func() T) func() T {
	if f == nil {
		panic("tsync: OnceValue with a nil function")
	}
	o := &onceValue[T]{f: f}
	return func() T {
		o.do(o)
		return o.v
	}
}

// OnceValues is like [OnceFunc], for a function f that returns two values. Every call returns the
// values of the one call of f.
func OnceValues[T1, T2 any](f func() (T1, T2)) func() (T1, T2) {
	if f == nil {
		panic("tsync: OnceValues with a nil function")
	}
	o := &onceValues[T1, T2]{f: f}
	return func() (T1, T2) {
		o.do(o)
		return o.v1, o.v2
	}
}

// An onceBody is the function that an onceCall calls once.
type onceBody interface {
	run()
	// drop forgets the function, so that the garbage collector can free what it refers to.
	drop()
}

type onceFunc struct {
	onceCall
	f func()
}

func (o *onceFunc) run()  { o.f() }
func (o *onceFunc) drop() { o.f = nil }

type onceValue[T any] struct {
	onceCall
	f func() T
	v T
}

func (o *onceValue[T]) run()  { o.v = o.f() }
func (o *onceValue[T]) drop() { o.f = nil }

type onceValues[T1, T2 any] struct {
	onceCall
	f  func() (T1, T2)
	v1 T1
	v2 T2
}

func (o *onceValues[T1, T2]) run()  { o.v1, o.v2 = o.f() }
func (o *onceValues[T1, T2]) drop() { o.f = nil }

// An onceCall is the one call of an onceBody. Only the call of do that runs the function writes
// valid and p. All other calls of do read them after it.
type onceCall struct {
	once  Once
	valid bool // the function has returned
	p     any  // the value that the function has panicked with
}

func (o *onceCall) do(b onceBody) {
	if !o.once.done.IsSet() {
		o.once.doSlow(func() { o.call(b) })
	}
	if !o.valid {
		panic(o.p)
	}
}

func (o *onceCall) call(b onceBody) {
	defer func() {
		b.drop()
		if o.valid {
			return
		}
		if o.p = recover(); o.p == nil {
			if unwind, _ := rt.Unwinding(0); unwind != rt.Panicking {
				o.p = "tsync: the function of OnceFunc or OnceValue called runtime.Goexit and has no value"
				return
			}
			o.p = new(runtime.PanicNilError) // panic(nil) with GODEBUG=panicnil=1
		}
		panic(o.p)
	}()
	b.run()
	o.valid = true
}
