package tsync

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSemaphoreWithoutWaiting(t *testing.T) {
	requirePanics(t, "NewSemaphore(-1): want", func() { NewSemaphore(-1) })
	s := NewSemaphore(3)
	require.NoError(t, s.Acquire(bg, 2))
	require.False(t, s.TryAcquire(2))
	require.True(t, s.TryAcquire(1))
	require.True(t, s.TryAcquire(0))
	requirePanics(t, "negative", func() { _ = s.Acquire(bg, -1) })
	requirePanics(t, "negative", func() { s.TryAcquire(-1) })
	requirePanics(t, "more units", func() { s.Release(4) })
	requirePanics(t, "negative number", func() { s.Release(-1) })
	s.Release(3)
	require.Zero(t, s.used)
	ended, cancel := context.WithCancelCause(bg)
	cancel(errStop)
	require.ErrorIs(t, s.Acquire(ended, 1), errStop)
	require.Zero(t, s.used)
}

// TestSemaphoreFIFO checks that small requests do not overtake a big one, and that they go on when
// the big one gives up.
func TestSemaphoreFIFO(t *testing.T) {
	each(t, func(w *world) {
		s := NewSemaphore(3)
		require.True(w.t, s.TryAcquire(2))
		big := w.start(func(ctx context.Context) {
			w.check(errors.Is(s.Acquire(ctx, 3), errStop), "big")
		})
		untilWaiting(&s.mu, &s.queue, 1)
		w.start(func(ctx context.Context) { w.check(s.Acquire(ctx, 1) == nil, "small") })
		untilWaiting(&s.mu, &s.queue, 2)
		require.False(w.t, s.TryAcquire(1))
		tooBig := w.start(func(ctx context.Context) {
			w.check(errors.Is(s.Acquire(ctx, 4), errStop), "too big")
		})
		big.cancel(errStop)
		tooBig.cancel(errStop)
		w.wait()
		require.EqualValues(w.t, 3, s.used)
		s.Release(3)
	})
}

func TestSemaphoreBounds(t *testing.T) {
	each(t, func(w *world) {
		const size = 5
		s := NewSemaphore(size)
		var used atomic.Int64
		for i := range 12 {
			u := w.start(func(ctx context.Context) {
				for k := range scale(200) {
					n := int64((i+k)%size + 1)
					if err := s.Acquire(ctx, n); err != nil {
						w.check(errors.Is(err, errStop), "%v", err)
						return
					}
					w.check(used.Add(n) <= size, "too many are used")
					if k%5 == 0 {
						yield(ctx)
					}
					used.Add(-n)
					s.Release(n)
				}
			})
			if i%4 == 3 {
				u.cancel(errStop)
			}
		}
		w.wait()
		require.Zero(w.t, s.used)
		require.Zero(w.t, length(&s.mu, &s.queue))
	})
}
