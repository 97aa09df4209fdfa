package tsync

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBarrier(t *testing.T) {
	requirePanics(t, "no parties", func() { NewBarrier(0) })
	last, err := NewBarrier(1).WaitContext(bg)
	require.True(t, last)
	require.NoError(t, err)
	each(t, func(w *world) {
		const n = 4
		b := NewBarrier(n)
		// A party that gives up does not count as having arrived.
		u := w.start(func(ctx context.Context) {
			_, err := b.WaitContext(ctx)
			w.check(errors.Is(err, errStop), "%v", err)
		})
		untilWaiting(&b.mu, &b.queue, 1)
		u.cancel(errStop)
		<-u.done
		var arrived, lasts atomic.Int64
		rounds := scale(200)
		for range n {
			w.start(func(ctx context.Context) {
				for r := range rounds {
					arrived.Add(1)
					last, err := b.WaitContext(ctx)
					w.check(err == nil && arrived.Load() >= int64(n*(r+1)), "round %d: %v", r, err)
					if last {
						lasts.Add(1)
					}
				}
			})
		}
		w.wait()
		require.EqualValues(w.t, rounds, lasts.Load())
		require.Zero(w.t, b.waiting)
	})
}
