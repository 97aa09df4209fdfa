package task

import (
	"context"
	"errors"

	"github.com/heddle-go/heddle/internal/atomicx"
)

// Race waits for the first of the futures to get a result, parking the task or blocking the goroutine, and returns that result, be it a
// value or an error, like JavaScript's Promise.race. If several are there already, it is the first in the order of the
// arguments. The other tasks are not affected, and their results can be waited for as ever.
//
// If ctx ends first, Race returns the cause. It panics without futures, for which it would wait for ever.
func Race[T any](ctx context.Context, fs ...*Future[T]) (T, error) {
	return settle("Race", ctx, fs, func(_ int, v T, err error) (T, error, bool) { return v, err, true })
}

// First waits for the first of the futures to succeed, parking the task or blocking the goroutine, returns its value, and cancels
// the tasks of all others that have no result yet, like Java's ExecutorService.invokeAny; Promise.any chooses the
// same one and leaves the others alone. Cancelling does not wait: a task that has begun ends when its function heeds it, and the
// future then has what the function returns.
//
// If all fail, First returns their errors, joined in the order of the arguments as by errors.Join. If ctx ends first it returns the
// cause, and no task is cancelled. It panics without futures.
func First[T any](ctx context.Context, fs ...*Future[T]) (T, error) {
	var mu atomicx.Mutex
	errs := make([]error, len(fs))
	left := len(fs)
	v, err := settle("First", ctx, fs, func(i int, v T, err error) (T, error, bool) {
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

// settle passes the results of the futures to add, each once, as they come, until it says that what it returns is the result of them
// all, and returns that. add may be called by several at once.
func settle[T any](who string, ctx context.Context, fs []*Future[T], add func(i int, v T, err error) (T, error, bool)) (T, error) {
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
