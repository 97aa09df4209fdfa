package parallel

import (
	"context"
	"iter"

	"github.com/heddle-go/heddle/task"
)

// MapSeq yields the results of fn for the values of seq, in their order, with at most limit calls
// under way. A call is under way from its start until the loop asks for its result. Unlike in the
// other functions of this package, each call is a task of its own, so fn may wait in any way. For
// example, limit bounds the requests to a server. The caller runs seq, and parks while the next
// result is not there. Neither seq nor the body of the loop over MapSeq may wait for a call that
// limit keeps from starting, because that wait would never end. MapSeq panics if limit is less than
// 1.
//
//	for page, err := range parallel.MapSeq(c, urls, 8, fetch) {
//		...
//	}
//
// The calls are cancelled if the caller is cancelled, and if the loop is left early. All of them
// have ended when the loop has ended. If the caller is cancelled, MapSeq asks seq for no more
// values. It yields the results of the calls that were started, and then the cause as its last
// error. If fn panics, MapSeq panics with the *task.PanicError instead of yielding that result. If
// fn calls runtime.Goexit, the error is [task.ErrGoexit].
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

// A window holds the calls of one MapSeq that are under way, the oldest first.
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

// end waits for the remaining calls, and returns their first panic, or nil.
func (w *window[R]) end() (first *task.PanicError) {
	for _, f := range w.calls {
		if _, err := f.Wait(); first == nil {
			first, _ = err.(*task.PanicError)
		}
	}
	return first
}
