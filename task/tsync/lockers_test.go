package tsync

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLockersMeet checks that the forms with and without a context lock the same lock.
func TestLockersMeet(t *testing.T) {
	each(t, func(w *world) {
		var m Mutex
		var rw RWMutex
		n, sum := scale(300), 0
		for i := range 12 {
			w.start(func(ctx context.Context) {
				for k := range n {
					switch (i + k) % 4 {
					case 0:
						m.Lock()
					case 1:
						w.check(m.LockContext(ctx) == nil, "LockContext")
					case 2:
						w.check(m.LockContext(context.WithoutCancel(ctx)) == nil, "LockContext")
					default:
						for !m.TryLock() {
							yield(ctx)
						}
					}
					rw.RLock()
					before := sum
					rw.RUnlock()
					if k%2 == 0 {
						rw.Lock()
					} else {
						w.check(rw.LockContext(ctx) == nil, "LockContext")
					}
					w.check(sum == before, "another is inside")
					sum++
					rw.Unlock()
					if k%5 == 0 {
						yield(ctx)
					}
					m.Unlock()
				}
			})
		}
		w.wait()
		require.Equal(w.t, 12*n, sum)
		require.Zero(w.t, m.state.Load())
	})
}
