package tsync

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
)

func TestMutexWithoutWaiting(t *testing.T) {
	var m Mutex
	require.True(t, m.TryLock())
	require.False(t, m.TryLock())
	m.Unlock()
	require.NoError(t, m.LockContext(bg))
	m.Unlock()
	requirePanics(t, "Unlock of a Mutex that is not locked", m.Unlock)
	ended, cancel := context.WithCancelCause(bg)
	cancel(errStop)
	require.ErrorIs(t, m.LockContext(ended), errStop)
	require.True(t, m.TryLock(), "a cancelled Lock holds the mutex")
}

func TestMutexExcludes(t *testing.T) {
	each(t, func(w *world) {
		var m Mutex
		n, inside, sum := scale(300), 0, 0
		for range 20 {
			w.start(func(ctx context.Context) {
				for i := range n {
					if err := m.LockContext(ctx); err != nil {
						w.errorf("%v", err)
						return
					}
					inside++
					w.check(inside == 1, "%d inside", inside)
					if i%10 == 0 {
						yield(ctx)
					}
					inside--
					sum++
					m.Unlock()
				}
			})
		}
		w.wait()
		require.Equal(w.t, 20*n, sum)
		require.Zero(w.t, m.state.Load())
	})
}

// TestMutexFIFO checks that waiters get the mutex in order if no other caller overtakes them.
func TestMutexFIFO(t *testing.T) {
	each(t, func(w *world) {
		var m Mutex
		require.True(w.t, m.TryLock())
		var got []int
		for i := range 6 {
			w.start(func(ctx context.Context) {
				w.check(m.LockContext(ctx) == nil, "Lock")
				got = append(got, i)
				m.Unlock()
			})
			untilWaiting(&m.mu, &m.queue, i+1)
		}
		m.Unlock()
		w.wait()
		require.Equal(w.t, []int{0, 1, 2, 3, 4, 5}, got)
		require.Zero(w.t, m.state.Load())
	})
}

// TestMutexHandsOver checks that the next Unlock hands the mutex to a waiter that was overtaken,
// and that no other caller can take it in between.
func TestMutexHandsOver(t *testing.T) {
	each(t, func(w *world) {
		handed := false
		for range 1000 {
			var m Mutex
			require.True(w.t, m.TryLock())
			u := w.start(func(ctx context.Context) { w.check(m.LockContext(ctx) == nil, "Lock") })
			untilWaiting(&m.mu, &m.queue, 1)
			m.Unlock()
			if !m.TryLock() { // the waiter was faster
				<-u.done
				continue
			}
			testkit.Spin(func() bool { return m.state.Load()&mxStarved != 0 })
			m.Unlock()
			require.False(w.t, m.TryLock(), "the mutex was free after a hand-over")
			<-u.done
			handed = true
			break
		}
		require.True(w.t, handed, "the waiter was never overtaken")
	})
}

func TestMutexCancelQueued(t *testing.T) {
	each(t, func(w *world) {
		var m Mutex
		require.True(w.t, m.TryLock())
		var us []*unit
		got := 0
		for i := range 4 {
			us = append(us, w.start(func(ctx context.Context) {
				err := m.LockContext(ctx)
				if i%2 == 0 {
					w.check(errors.Is(err, errStop), "%v", err)
					return
				}
				w.check(err == nil, "%v", err)
				got++
				m.Unlock()
			}))
			untilWaiting(&m.mu, &m.queue, i+1)
		}
		us[0].cancel(errStop)
		us[2].cancel(errStop)
		<-us[0].done
		<-us[2].done
		m.Unlock()
		w.wait()
		require.Equal(w.t, 2, got)
		require.Zero(w.t, m.state.Load())
	})
}

// TestMutexCancelRaces lets cancellations race with Unlock. At the end the mutex must be free.
func TestMutexCancelRaces(t *testing.T) {
	each(t, func(w *world) {
		var m Mutex
		inside := 0
		for i := range scale(500) {
			u := w.start(func(ctx context.Context) {
				for k := range 4 {
					if err := m.LockContext(ctx); err != nil {
						w.check(errors.Is(err, errStop), "%v", err)
						return
					}
					inside++
					w.check(inside == 1, "%d inside", inside)
					if k == 1 {
						yield(ctx)
					}
					inside--
					m.Unlock()
				}
			})
			if i%2 == 0 {
				u.cancel(errStop)
			}
		}
		w.wait()
		require.Zero(w.t, m.state.Load())
		require.Zero(w.t, length(&m.mu, &m.queue))
	})
}
