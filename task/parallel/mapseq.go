package parallel

import (
	"context"
	"iter"

	"github.com/heddle-go/heddle/task"
)

// MapSeq yields the results of fn for the values of seq, in their order, while at most limit calls are under way: begun, or their
// result not yet asked for. Unlike in the other functions of this package, each call is a task of its own, so fn may wait as it
// likes: limit bounds requests to a server, say. The caller runs seq, and parks while the next result is not there; seq and the loop
// over MapSeq must not wait for calls that limit does not let in. MapSeq panics if limit is less than 1.
//
//	for page, err := range parallel.MapSeq(c, urls, 8, fetch) {
//		...
//	}
//
// The calls are cancelled with the caller, and when the loop is left before its end, and have all ended when the loop has. If the
// caller is cancelled, MapSeq asks seq for no more, yields the results of the calls so far, and then the cause as its last
// error. If fn panics, MapSeq panics with the *task.PanicError instead of yielding that result; if it calls runtime.Goexit, the error is
// [task.ErrGoexit].
func MapSeq[T, R any](c *task.Ctx, seq iter.Seq[T], limit int, fn func(c *task.Ctx, x T) (R, error)) iter.Seq2[R, error] {
	if seq == nil || fn == nil {
		panic("parallel: MapSeq with a nil function")
	}
	if limit < 1 {
		panic("parallel: MapSeq with a limit below 1 would wait for ever")
	}
	return func(yield func(R, error) bool) {
		w := &window[R]{c: callerOf(c), yield: yield}
		ctx, cancel := context.WithCancel(w.c)
		whole := false
		defer func() {
			cancel()
			if pe := w.end(); pe != nil && whole {
				panic(pe)
			}
		}()
		for x := range seq {
			if w.c.Cancelled() {
				break
			}
			for len(w.calls) == limit || len(w.calls) > 0 && w.calls[0].Ready() {
				if !w.next() {
					whole = true
					return
				}
			}
			w.calls = append(w.calls, task.Submit(w.c, func(c *task.Ctx) (R, error) { return fn(c, x) }, task.Parent(ctx)))
		}
		for len(w.calls) > 0 {
			if !w.next() {
				whole = true
				return
			}
		}
		if cause := w.c.Cause(); cause != nil {
			var zero R
			yield(zero, cause)
		}
		whole = true
	}
}

// A window is the calls of one MapSeq that are under way, the oldest first.
type window[R any] struct {
	c     *task.Ctx
	yield func(R, error) bool
	calls []*task.Future[R]
}

// next waits for the oldest call and yields its result. It reports whether the loop goes on.
func (w *window[R]) next() bool {
	f := w.calls[0]
	w.calls[0] = nil
	w.calls = w.calls[1:]
	v, err := f.Wait()
	if pe, ok := err.(*task.PanicError); ok {
		panic(pe)
	}
	return w.yield(v, err)
}

// end waits for the calls that are left, and returns the first panic of them, or nil.
func (w *window[R]) end() (first *task.PanicError) {
	for _, f := range w.calls {
		if _, err := f.Wait(); first == nil {
			first, _ = err.(*task.PanicError)
		}
	}
	return first
}
