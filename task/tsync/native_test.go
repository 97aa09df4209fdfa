package tsync

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
)

func TestSelectNativeWithoutWaiting(t *testing.T) {
	native, ch := make(chan error, 1), NewChan[int](0)
	x, r := RecvNative(native), ch.RecvCase()
	_, ok := TrySelect(r, x, RecvNative[int](nil), (*NativeCase[int])(nil))
	require.False(t, ok)
	native <- errStop
	chosen, err := Select(bg, r, x)
	require.NoError(t, err)
	require.True(t, chosen == x && x.OK && x.Value == errStop)
	native <- nil // a nil interface
	chosen, ok = TrySelect(r, OnRecvNative(native, func(err error, ok bool) { require.True(t, err == nil && ok) }))
	require.True(t, ok && chosen != nil)
	close(native)
	chosen, err = Select(bg, r, x)
	require.NoError(t, err)
	require.True(t, chosen == x && !x.OK && x.Value == nil)
	requirePanics(t, "in use twice", func() { TrySelect(x, x) })
	_, ok = TrySelect(x, r)
	require.True(t, ok, "the case is free again")
}

func TestSelectNativeWaits(t *testing.T) {
	each(t, func(w *world) {
		native, other, ch := make(chan error), make(chan int), NewChan[int](0)
		x, y, r := RecvNative(native), RecvNative(other), ch.RecvCase()
		last := make(chan struct{})
		u := w.start(func(ctx context.Context) {
			for _, want := range []Case{x, r, y, x, x} {
				chosen, err := Select(ctx, r, y, x)
				w.check(chosen == want && err == nil, "%v", err)
				w.check(chosen != y || y.Value == 7, "%d", y.Value)
				w.check(chosen != r || r.Value == 5, "%d", r.Value)
			}
			w.check(!x.OK && x.Value == nil, "closed")
			close(last)
			_, err := Select(ctx, r, y)
			w.check(errors.Is(err, errStop), "%v", err)
			_, ok := TrySelect(r, y)
			w.check(!ok, "free again")
		})
		untilWaiting(&ch.mu, &ch.recvq, 1)
		native <- errStop
		testkit.Spin(func() bool { return ch.TrySend(5) })
		other <- 7
		native <- nil
		close(native)
		<-last
		untilWaiting(&ch.mu, &ch.recvq, 1)
		u.cancel(errStop)
	})
}

// TestSelectNativeExactlyOnce runs selects on native channels and channels of this package, and
// cancels some of them. Each value that was sent must be received once, whichever party is faster.
func TestSelectNativeExactlyOnce(t *testing.T) {
	each(t, func(w *world) {
		native, second, ch := make(chan int64), make(chan int64, 2), NewChan[int64](0)
		var sent, received atomic.Int64
		n := scale(500)
		over, stop := context.WithCancelCause(bg)
		var us []*unit
		for range 4 {
			us = append(us, w.start(func(ctx context.Context) {
				x, y, r := RecvNative(native), RecvNative(second), ch.RecvCase()
				for {
					chosen, err := Select(ctx, x, y, r)
					switch chosen {
					case x:
						received.Add(x.Value)
					case y:
						received.Add(y.Value)
					case r:
						received.Add(r.Value)
					default:
						w.check(errors.Is(err, errStop), "%v", err)
						return
					}
				}
			}))
		}
		var senders WaitGroup
		for k := range 3 {
			senders.Go(func() {
				for i := range int64(n) {
					switch k {
					case 0:
						native <- i
					case 1:
						second <- i
					default:
						// Many of these sends give up.
						ctx, cancel := context.WithCancel(over)
						if i%2 == 0 {
							go cancel()
						}
						if ch.Send(ctx, i) != nil {
							cancel()
							continue
						}
						cancel()
					}
					sent.Add(i)
				}
			})
		}
		// Half of the receivers are cancelled while they are being served.
		testkit.Spin(func() bool { return sent.Load() > 0 })
		us[0].cancel(errStop)
		us[1].cancel(errStop)
		senders.Wait()
		testkit.Spin(func() bool { return len(second) == 0 })
		us[2].cancel(errStop)
		us[3].cancel(errStop)
		stop(nil)
		w.wait()
		require.Equal(w.t, sent.Load(), received.Load())
		require.Zero(w.t, length(&ch.mu, &ch.recvq)+length(&ch.mu, &ch.sendq))
	})
}

// TestSelectNativeClosedBesideOthers closes a native channel, in half of the rounds after a value
// was sent on it, while another party sends to the other case. Each select must do one case, and
// must receive the value of the native channel or leave it there.
func TestSelectNativeClosedBesideOthers(t *testing.T) {
	each(t, func(w *world) {
		n := scale(500)
		ch := NewChan[int](0)
		natives := make(chan chan int, n)
		var sent, received atomic.Int64
		over := make(chan struct{})
		var others sync.WaitGroup
		others.Go(func() {
			for i := 0; i < n; i++ {
				native := <-natives
				if i%2 == 0 {
					native <- i
				}
				close(native)
			}
		})
		others.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				if ch.TrySend(1) {
					sent.Add(1)
				}
				runtime.Gosched()
			}
		})
		w.start(func(ctx context.Context) {
			r := ch.RecvCase()
			for i := range n {
				native := make(chan int, 1)
				natives <- native
				x := RecvNative(native)
				r.OK = false
				chosen, err := Select(ctx, r, x)
				w.check(err == nil, "%v", err)
				there := i%2 == 0
				switch chosen {
				case x:
					w.check(x.OK == there && (!there || x.Value == i), "%d: %d %t", i, x.Value, x.OK)
					there = false
				case r:
					w.check(r.OK && r.Value == 1, "%d: %d %t", i, r.Value, r.OK)
					received.Add(1)
				}
				v, ok, err := task.Receive(ctx, native)
				w.check(err == nil && ok == there && (!there || v == i), "%d: then %d %t %v", i, v, ok, err)
			}
		})
		w.wait()
		close(over)
		others.Wait()
		require.Equal(w.t, sent.Load(), received.Load())
		require.Zero(w.t, length(&ch.mu, &ch.recvq))
	})
}
