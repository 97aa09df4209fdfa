package tsync

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAllWorkerCounts runs a little of everything with the numbers of workers that the other tests
// leave out.
func TestAllWorkerCounts(t *testing.T) {
	eachOf(t, []int{4, 64}, []flavour{tasks, mixture}, func(w *world) {
		ch, back := NewChan[int](0), NewChan[int](4)
		var m Mutex
		sem, sum := NewSemaphore(3), 0
		var g, relayed WaitGroup
		n := scale(200)
		for range 8 {
			g.Add(1)
			relayed.Add(1)
			w.start(func(ctx context.Context) {
				defer g.Done()
				for i := range n {
					w.check(ch.Send(ctx, i) == nil, "Send")
				}
			})
			w.start(func(ctx context.Context) {
				defer relayed.Done()
				for v := range ch.All(ctx) {
					w.check(sem.Acquire(ctx, 1) == nil, "Acquire")
					w.check(back.Send(ctx, v) == nil, "Send")
					sem.Release(1)
				}
			})
			w.start(func(ctx context.Context) {
				for v := range back.All(ctx) {
					w.check(m.LockContext(ctx) == nil, "Lock")
					sum += v
					m.Unlock()
				}
			})
		}
		require.NoError(w.t, g.WaitContext(bg))
		ch.Close()
		require.NoError(w.t, relayed.WaitContext(bg))
		back.Close()
		w.wait()
		require.Equal(w.t, 8*n*(n-1)/2, sum)
	})
}
