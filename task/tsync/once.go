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
	return func() { o.do(o) }
}

// OnceValue is [OnceFunc] for a function with a value, which every call returns.
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

// OnceValues is [OnceFunc] for a function with two values, which every call returns.
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

// An onceBody is what is called once.
type onceBody interface {
	run()
	// drop forgets the function, so that what it holds can be collected.
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

// An onceCall is the call of an onceBody. The call that once lets in writes the fields; all read them after it.
type onceCall struct {
	once  Once
	valid bool // the function has returned
	p     any  // what it has panicked with
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
			if why, _ := rt.Unwinding(0); why != rt.Panicking {
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
