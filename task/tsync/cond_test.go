package tsync

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCondOfNativeLocks checks that a Cond works with any sync.Locker.
func TestCondOfNativeLocks(t *testing.T) {
	var rw RWMutex
	var native sync.Mutex
	for name, l := range map[string]sync.Locker{"native": &native, "RLocker": rw.RLocker()} {
		t.Run(name, func(t *testing.T) {
			each(t, func(w *world) {
				d := NewCond(l)
				var set atomic.Bool
				for range 3 {
					w.start(func(ctx context.Context) {
						l.Lock()
						defer l.Unlock()
						for !set.Load() {
							d.Wait()
						}
					})
				}
				untilWaiting(&d.mu, &d.queue, 3)
				l.Lock()
				set.Store(true)
				d.Broadcast()
				l.Unlock()
			})
		})
	}
}

func TestCond(t *testing.T) {
	for _, l := range []func() lockerContext{
		func() lockerContext { return new(Mutex) }, func() lockerContext { return new(RWMutex) },
	} {
		each(t, func(w *world) {
			l := l()
			d := NewCond(l)
			d.Signal() // no waiter, so this has no effect
			d.Broadcast()
			tokens, order := 0, []int(nil)
			wait := func(i int) *unit {
				u := w.start(func(ctx context.Context) {
					if err := l.LockContext(ctx); err != nil {
						w.errorf("%v", err)
						return
					}
					defer d.L.Unlock()
					for tokens == 0 {
						if err := d.WaitContext(ctx); err != nil {
							w.check(errors.Is(err, errStop), "%v", err)
							order = append(order, -i) // Wait has locked L
							return
						}
					}
					tokens--
					order = append(order, i)
				})
				return u
			}
			add := func(n int) {
				d.L.Lock()
				tokens += n
				d.L.Unlock()
			}
			a, b := wait(1), (*unit)(nil)
			untilWaiting(&d.mu, &d.queue, 1)
			b = wait(2)
			untilWaiting(&d.mu, &d.queue, 2)
			c := wait(3)
			untilWaiting(&d.mu, &d.queue, 3)
			b.cancel(errStop)
			<-b.done
			add(1)
			d.Signal()
			<-a.done
			add(1)
			d.Broadcast()
			<-c.done
			require.Equal(w.t, []int{-2, 1, 3}, order)
			// A cancelled Wait still waits for L.
			u := wait(4)
			untilWaiting(&d.mu, &d.queue, 1)
			d.L.Lock()
			u.cancel(errStop)
			untilWaiting(&d.mu, &d.queue, 0)
			order = nil
			d.L.Unlock()
			<-u.done
			require.Equal(w.t, []int{-4}, order)
		})
	}
}

// TestCondCancelRaces checks that a Signal whose waiter gives up goes to another waiter.
func TestCondCancelRaces(t *testing.T) {
	each(t, func(w *world) {
		var m Mutex
		d := NewCond(&m)
		for range scale(200) {
			var woken, cancelled atomic.Int32
			wait := func(ctx context.Context) {
				if m.LockContext(ctx) != nil {
					cancelled.Add(1)
					return
				}
				defer m.Unlock()
				if d.WaitContext(ctx) == nil {
					woken.Add(1)
				} else {
					cancelled.Add(1)
				}
			}
			a, b := w.start(wait), w.start(wait)
			untilWaiting(&d.mu, &d.queue, 2)
			go a.cancel(errStop)
			d.Signal()
			<-a.done
			if cancelled.Load() == 0 { // a took the Signal
				d.Signal()
			}
			<-b.done
		}
	})
}
