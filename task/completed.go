package task

import (
	"context"
	"iter"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// Completed yields the result of each future once, in the order in which the results come. First
// come the results that are there at the start, in the order of the arguments. If the next result
// is not there yet, Completed waits, parking the task or blocking the goroutine. If ctx ends
// meanwhile, Completed yields the cause as its last error. The tasks of the futures are not
// affected, even if the caller leaves the loop early.
//
//	for v, err := range task.Completed(c, fs...) {
//		...
//	}
func Completed[T any](ctx context.Context, fs ...*Future[T]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var q arrivals
		for i, f := range fs {
			f.check()
			if w := f.s.p.watch(func(by *Ctx) { q.put(i, by) }); w != nil {
				defer w.Withdraw()
			} else {
				q.put(i, nil)
			}
		}
		for range fs {
			i, err := q.take(ctx)
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			if p := &fs[i].s.p; !yield(p.v, p.err) {
				return
			}
		}
	}
}

// arrivals holds the indexes of the futures that have a result. One task or goroutine takes them.
type arrivals struct {
	mu     atomicx.Mutex
	come   []int
	waiter waitQueue // the taker, if it waits
}

// put adds an index. by is the running task, or nil. put does not wait.
func (q *arrivals) put(i int, by *Ctx) {
	q.mu.Lock()
	q.come = append(q.come, i)
	w := q.waiter.Pop()
	q.mu.Unlock()
	if w != nil {
		w.wake(by)
	}
}

// take takes the oldest index. If there is none, take waits for one until ctx ends, and then
// returns the cause.
func (q *arrivals) take(ctx context.Context) (i int, err error) {
	for {
		c, err := enter(ctx)
		q.mu.Lock()
		if len(q.come) > 0 {
			i, q.come = q.come[0], q.come[1:]
			q.mu.Unlock()
			return i, nil
		}
		if err != nil {
			q.mu.Unlock()
			return 0, err
		}
		w := q.waiter.push(&q.mu, ctx, c)
		w.Reason = rt.WaitResult
		q.mu.Unlock()
		if err := w.wait(); err != nil {
			return 0, err
		}
	}
}
