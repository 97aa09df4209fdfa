package tsync

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRWMutexWithoutWaiting(t *testing.T) {
	var rw RWMutex
	require.True(t, rw.TryRLock())
	require.NoError(t, rw.RLockContext(bg))
	require.False(t, rw.TryLock())
	rw.RUnlock()
	rw.RUnlock()
	require.NoError(t, rw.LockContext(bg))
	require.False(t, rw.TryLock())
	require.False(t, rw.TryRLock())
	rw.Unlock()
	requirePanics(t, "Unlock of an RWMutex", rw.Unlock)
	requirePanics(t, "RUnlock of an RWMutex", rw.RUnlock)
	ended, cancel := context.WithCancelCause(bg)
	cancel(errStop)
	require.ErrorIs(t, rw.LockContext(ended), errStop)
	require.ErrorIs(t, rw.RLockContext(ended), errStop)
	require.True(t, rw.TryLock())
}

// TestRWMutexTurns checks that a waiting writer keeps new readers out, and that after it the
// readers come before the next writer.
func TestRWMutexTurns(t *testing.T) {
	each(t, func(w *world) {
		var rw RWMutex
		require.True(w.t, rw.TryRLock())
		var order []string // under rw
		write := func(name string) func(context.Context) {
			return func(ctx context.Context) {
				w.check(rw.LockContext(ctx) == nil, "Lock")
				order = append(order, name)
				rw.Unlock()
			}
		}
		w.start(write("writer 1"))
		untilWaiting(&rw.mu, &rw.writeq, 1)
		require.False(w.t, rw.TryRLock())
		var in atomic.Int32
		var both Event
		for i := range 2 {
			w.start(func(ctx context.Context) {
				w.check(rw.RLockContext(ctx) == nil, "RLock")
				w.check(len(order) == 1, "readers come after %v", order)
				if in.Add(1) == 2 {
					both.Set()
				}
				w.check(both.WaitContext(ctx) == nil, "readers are not in together")
				rw.RUnlock()
			})
			untilWaiting(&rw.mu, &rw.readq, i+1)
		}
		w.start(write("writer 2"))
		untilWaiting(&rw.mu, &rw.writeq, 2)
		rw.RUnlock()
		w.wait()
		require.Equal(w.t, []string{"writer 1", "writer 2"}, order)
	})
}

// TestRWMutexCancelledWriter checks that waiting readers get in when the writer that keeps them out
// gives up.
func TestRWMutexCancelledWriter(t *testing.T) {
	each(t, func(w *world) {
		var rw RWMutex
		require.True(w.t, rw.TryRLock())
		writer := w.start(func(ctx context.Context) { w.check(errors.Is(rw.LockContext(ctx), errStop), "Lock") })
		untilWaiting(&rw.mu, &rw.writeq, 1)
		w.start(func(ctx context.Context) {
			w.check(rw.RLockContext(ctx) == nil, "RLock")
			rw.RUnlock()
		})
		gone := w.start(func(ctx context.Context) { w.check(errors.Is(rw.RLockContext(ctx), errStop), "RLock") })
		untilWaiting(&rw.mu, &rw.readq, 2)
		gone.cancel(errStop)
		<-gone.done
		writer.cancel(errStop)
		w.wait()
		rw.RUnlock()
		require.True(w.t, rw.TryLock())
	})
}

func TestRWMutexExcludes(t *testing.T) {
	each(t, func(w *world) {
		var rw RWMutex
		var readers, writers atomic.Int32
		n := 0
		for i := range 16 {
			u := w.start(func(ctx context.Context) {
				for k := range scale(200) {
					if i%4 == 0 {
						if err := rw.LockContext(ctx); err != nil {
							return
						}
						w.check(writers.Add(1) == 1 && readers.Load() == 0, "a writer is not alone")
						n++
						yield(ctx)
						writers.Add(-1)
						rw.Unlock()
						continue
					}
					if err := rw.RLockContext(ctx); err != nil {
						return
					}
					readers.Add(1)
					w.check(writers.Load() == 0, "a reader beside a writer")
					if k%4 == 0 {
						yield(ctx)
					}
					readers.Add(-1)
					rw.RUnlock()
				}
			})
			if i%5 == 4 {
				u.cancel(errStop)
			}
		}
		w.wait()
		require.True(w.t, rw.TryLock())
		require.Zero(w.t, length(&rw.mu, &rw.readq)+length(&rw.mu, &rw.writeq))
	})
}
