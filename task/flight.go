package task

import (
	"context"

	"github.com/heddle-go/heddle/internal/atomicx"
)

// A Flight makes one call at a time for each key, and gives its result to all callers that come meanwhile, as
// golang.org/x/sync/singleflight does: a cache that is filled on demand needs it, for instance. Tasks and goroutines may use one
// Flight together. The zero Flight is ready for use. It must not be copied.
type Flight[K comparable, V any] struct {
	mu    atomicx.Mutex
	calls map[K]*Completion[V] // those under way
}

// Do calls fn and returns its result, unless a call for key is under way: then it waits for that, parking the task or blocking the
// goroutine, and returns its result. fn runs on the caller's stack, and waits as its caller does.
//
// If fn panics, so does the Do that has called it, with a [*PanicError], which the others return as their error; if it calls
// runtime.Goexit, the others return [ErrGoexit]. An fn that calls Do for its own key waits for itself for ever.
func (f *Flight[K, V]) Do(key K, fn func() (V, error)) (V, error) {
	return f.DoContext(background, key, fn)
}

// DoContext is [Flight.Do] that waits for another's call only until ctx ends, and then returns the cause; the call is not affected. If
// ctx has ended already, fn is not called. A call of fn, once begun, is fn's to end.
func (f *Flight[K, V]) DoContext(ctx context.Context, key K, fn func() (V, error)) (V, error) {
	if fn == nil {
		panic("task: Flight.Do with a nil function")
	}
	c, err := enter(ctx)
	if err != nil {
		var zero V
		return zero, err
	}
	p, first := f.join(key)
	if !first {
		return p.WaitContext(ctx)
	}
	return f.call(c, key, p, fn)
}

// Forget has the next Do for key call its function, even if a call is under way. That one's callers get its result as ever.
func (f *Flight[K, V]) Forget(key K) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.calls, key)
}

// join returns the call for key. first says that the caller has to make it.
func (f *Flight[K, V]) join(key K) (p *Completion[V], first bool) {
	f.mu.Lock()
	defer f.mu.Unlock() // a key that cannot be hashed panics
	if p = f.calls[key]; p != nil {
		return p, false
	}
	p = new(Completion[V])
	if f.calls == nil {
		f.calls = make(map[K]*Completion[V])
	}
	f.calls[key] = p
	return p, true
}

// call makes the call for key. c is the running task, or nil.
func (f *Flight[K, V]) call(c *Ctx, key K, p *Completion[V], fn func() (V, error)) (v V, err error) {
	returned := false
	defer func() {
		if !returned {
			err = failure(nil, recover())
		}
		f.mu.Lock()
		if f.calls[key] == p { // and not forgotten
			delete(f.calls, key)
		}
		f.mu.Unlock()
		p.complete(c, v, err)
		if pe, ok := err.(*PanicError); ok && !returned {
			panic(pe)
		}
	}()
	v, err = fn()
	returned = true
	return v, err
}
