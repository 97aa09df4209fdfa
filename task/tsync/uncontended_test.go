package tsync

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/heddle-go/heddle/task"
)

// TestUncontendedIsNoYield checks that an operation without a context that need not wait ignores
// the task's cancellation.
func TestUncontendedIsNoYield(t *testing.T) {
	eachOf(t, []int{1}, []flavour{tasks}, func(w *world) {
		w.do(func(ctx context.Context) {
			c := ctx.(*task.Ctx)
			c.Task().Cancel()
			var other atomic.Bool
			c.Go(func(*task.Ctx) { other.Store(true) })
			var (
				m  Mutex
				rw RWMutex
				g  WaitGroup
				e  Event
			)
			inside := 0
			m.Lock()
			inside++
			m.Unlock()
			rw.Lock()
			inside++
			rw.Unlock()
			rw.RLock()
			w.check(inside == 2, "%d", inside)
			rw.RUnlock()
			g.Wait()
			e.Set()
			e.Wait()
			w.check(NewBarrier(1).Wait(), "last")
			w.check(!other.Load(), "the task has given way")
		})
	})
}
