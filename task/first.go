package task

import (
	"context"
	"errors"

	"github.com/heddle-go/heddle/internal/atomicx"
)

// Race waits until one of the futures has a result, parking the task or blocking the goroutine, and
// returns that result, whether it is a value or an error. JavaScript's Promise.race does the same.
// If several results are there already, Race returns the first in the order of the arguments. The
// tasks of the other futures are not affected, and callers can still wait for their results.
//
// If ctx ends first, Race returns the cause. Race panics if there are no futures, because it would
// wait for ever.
func Race[T any](ctx context.Context, fs ...*Future[T]) (T, error) {
	return collect("Race", ctx, fs, func(_ int, v T, err error) (T, error, bool) { return v, err, true })
}

// First waits until one of the futures succeeds, parking the task or blocking the goroutine. It
// returns that future's value and cancels the tasks of all futures that have no result yet, like
// Java's ExecutorService.invokeAny. (Promise.any picks the same future, but does not cancel the
// others.) First does not wait for the cancelled tasks. A task that has begun ends when its
// function heeds the cancellation, and its future then has the function's result.
//
// If all futures fail, First returns their errors, joined as by errors.Join in the order of the
// arguments. If ctx ends first, First returns the cause and cancels no task. First panics if there
// are no futures.
func First[T any](ctx context.Context, fs ...*Future[T]) (T, error) {
	var mu atomicx.Mutex
	errs := make([]error, len(fs))
	left := len(fs)
	v, err := collect("First", ctx, fs, func(i int, v T, err error) (T, error, bool) {
		if err == nil {
			return v, nil, true
		}
		mu.Lock()
		defer mu.Unlock()
		errs[i] = err
		if left--; left > 0 {
			return v, nil, false
		}
		var zero T
		return zero, errors.Join(errs...), true
	})
	if err == nil {
		for _, f := range fs {
			if !f.Ready() {
				f.task.Cancel()
			}
		}
	}
	return v, err
}

// collect passes the result of each future to add, once, as the results come. When add reports
// true, collect returns add's other two results. add must allow calls by several goroutines and
// tasks at the same time.
func collect[T any](who string, ctx context.Context, fs []*Future[T], add func(i int, v T, err error) (T, error, bool)) (T, error) {
	if len(fs) == 0 {
		panic("task: " + who + " without futures would wait for ever")
	}
	var all Completion[T]
	for i, f := range fs {
		f.check()
		p := &f.s.p
		then := func(by *Ctx) {
			if v, err, done := add(i, p.v, p.err); done {
				all.complete(by, v, err)
			}
		}
		if w := p.watch(then); w != nil {
			defer w.Withdraw()
			continue
		}
		then(nil)
		if all.Ready() {
			break
		}
	}
	return all.WaitContext(ctx)
}
