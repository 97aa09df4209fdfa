package task

import (
	"context"

	"github.com/heddle-go/heddle/internal/atomicx"
)

// A Flight makes at most one call at a time for each key. Callers that ask for the same key while
// the call is under way get its result too, as with golang.org/x/sync/singleflight. A cache that is
// filled on demand is a typical use. Tasks and goroutines may use one Flight together. The zero
// Flight is ready for use. It must not be copied.
type Flight[K comparable, V any] struct {
	mu    atomicx.Mutex
	calls map[K]*Completion[V] // the calls under way
}

// Do calls fn and returns its result. But if a call for key is under way, Do waits for that call,
// parking the task or blocking the goroutine, and returns that call's result. fn runs on the
// caller's stack, so an operation that waits in fn parks the calling task or blocks the calling
// goroutine.
//
// If fn panics, the Do that called it panics with a [*PanicError], and the other callers return the
// PanicError as their error. If fn calls runtime.Goexit, the other callers return [ErrGoexit]. An
// fn that calls Do for its own key waits for itself for ever. Do panics if fn is nil.
func (f *Flight[K, V]) Do(key K, fn func() (V, error)) (V, error) {
	return f.DoContext(background, key, fn)
}

// DoContext is [Flight.Do], but it waits for another caller's call only until ctx ends, and then
// returns the cause. That does not affect the call. If ctx has already ended, DoContext does not
// call fn. Once fn has begun, DoContext waits until fn returns.
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

// Forget makes the next Do for key call its own function, even if a call is under way. The callers
// that wait for the call under way still get its result.
func (f *Flight[K, V]) Forget(key K) {
	point()
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.calls, key)
}

// join returns the call for key. If first is true, the caller must make the call.
func (f *Flight[K, V]) join(key K) (p *Completion[V], first bool) {
	f.mu.Lock()
	defer f.mu.Unlock() // deferred because a key that cannot be hashed panics
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
		if f.calls[key] == p { // false if Forget removed it
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
