package tsync

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

var bg = context.Background()

func TestChanWithoutWaiting(t *testing.T) {
	requirePanics(t, "negative capacity", func() { NewChan[int](-1) })
	ch := NewChan[int](2)
	require.Equal(t, 2, ch.Cap())
	require.True(t, ch.TrySend(1))
	require.NoError(t, ch.Send(bg, 2))
	require.Equal(t, 2, ch.Len())
	require.False(t, ch.TrySend(3))
	v, ok := ch.TryRecv()
	require.Equal(t, []any{1, true}, []any{v, ok})
	ch.Close()
	v, ok, err := ch.Recv(bg) // the buffered value comes before the end
	require.Equal(t, []any{2, true, nil}, []any{v, ok, err})
	v, ok, err = ch.Recv(bg)
	require.Equal(t, []any{0, false, nil}, []any{v, ok, err})
	v, ok = ch.TryRecv()
	require.Equal(t, []any{0, false}, []any{v, ok})
	r := ch.RecvCase()
	chosen, done := TrySelect(r) // which tells closed from empty
	require.Equal(t, []any{r, true, false}, []any{chosen, done, r.OK})
	requirePanics(t, "Send on a closed Chan", func() { _ = ch.Send(bg, 1) })
	requirePanics(t, "TrySend on a closed Chan", func() { ch.TrySend(1) })
	requirePanics(t, "closed already", ch.Close)
	_, ok = NewChan[int](0).TryRecv()
	require.False(t, ok)
	_, done = TrySelect(NewChan[int](0).RecvCase())
	require.False(t, done)
	require.False(t, NewChan[int](0).TrySend(1))
}

func TestNilChan(t *testing.T) {
	each(t, func(w *world) {
		var ch *Chan[int]
		require.Zero(w.t, ch.Len())
		require.Zero(w.t, ch.Cap())
		require.False(w.t, ch.TrySend(1))
		_, done := ch.TryRecv()
		require.False(w.t, done)
		requirePanics(w.t, "Close of a nil Chan", ch.Close)
		var at atomic.Int32
		u := w.start(func(ctx context.Context) {
			at.Add(1)
			_, _, err := ch.Recv(ctx)
			w.check(errors.Is(err, errStop), "Recv: %v", err)
			err = ch.Send(ctx, 1)
			w.check(errors.Is(err, errStop), "Send: %v", err)
		})
		testkit.Spin(func() bool { return at.Load() == 1 })
		u.cancel(errStop)
	})
}

func TestChanZeroValue(t *testing.T) {
	each(t, func(w *world) {
		var ch Chan[string]
		w.start(func(ctx context.Context) { w.check(ch.Send(ctx, "x") == nil, "Send") })
		w.do(func(ctx context.Context) {
			v, ok, err := ch.Recv(ctx)
			w.check(v == "x" && ok && err == nil, "%q %v %v", v, ok, err)
		})
	})
}

// TestChanFIFO checks that waiters are served in order, in both directions, and that a receive from
// the buffer serves a sender.
func TestChanFIFO(t *testing.T) {
	for _, capacity := range []int{0, 1, 3} {
		each(t, func(w *world) {
			ch := NewChan[int](capacity)
			const n = 8
			for i := range capacity {
				require.True(w.t, ch.TrySend(i))
			}
			for i := capacity; i < n; i++ {
				w.start(func(ctx context.Context) { w.check(ch.Send(ctx, i) == nil, "Send %d", i) })
				untilWaiting(&ch.mu, &ch.sendq, i-capacity+1)
			}
			w.do(func(ctx context.Context) {
				for i := range n {
					v, ok, err := ch.Recv(ctx)
					w.check(v == i && ok && err == nil, "got %d %v %v, want %d", v, ok, err, i)
					// The first waiting sender gets the room.
					w.check(ch.Len() == min(capacity, n-1-i), "%d values in the buffer after %d", ch.Len(), i)
				}
			})
			got := make([]int, n)
			for i := range n {
				w.start(func(ctx context.Context) {
					v, _, err := ch.Recv(ctx)
					w.check(err == nil, "%v", err)
					got[i] = v
				})
				untilWaiting(&ch.mu, &ch.recvq, i+1)
			}
			w.do(func(ctx context.Context) {
				for i := range n {
					w.check(ch.Send(ctx, i) == nil, "Send %d", i)
				}
			})
			w.wait()
			require.Equal(w.t, []int{0, 1, 2, 3, 4, 5, 6, 7}, got)
		})
	}
}

func TestChanCloseWakes(t *testing.T) {
	each(t, func(w *world) {
		ch, full := NewChan[int](0), NewChan[int](1)
		require.True(w.t, full.TrySend(1))
		for range 3 {
			w.start(func(ctx context.Context) {
				v, ok, err := ch.Recv(ctx)
				w.check(v == 0 && !ok && err == nil, "%d %v %v", v, ok, err)
			})
			w.start(func(ctx context.Context) {
				defer func() { w.check(recover() != nil, "Send did not panic") }()
				_ = full.Send(ctx, 2)
			})
		}
		untilWaiting(&ch.mu, &ch.recvq, 3)
		untilWaiting(&full.mu, &full.sendq, 3)
		ch.Close()
		full.Close()
		w.wait()
		v, ok := full.TryRecv()
		require.Equal(w.t, []any{1, true}, []any{v, ok})
	})
}

func TestChanAll(t *testing.T) {
	each(t, func(w *world) {
		ch := NewChan[int](2)
		w.start(func(ctx context.Context) {
			for i := range 10 {
				w.check(ch.Send(ctx, i) == nil, "Send")
			}
			ch.Close()
		})
		w.do(func(ctx context.Context) {
			var got []int
			for v := range ch.All(ctx) {
				if got = append(got, v); v == 4 {
					break
				}
			}
			got = slices.AppendSeq(got, ch.All(ctx))
			w.check(slices.Equal(got, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}), "%v", got)
		})
		u := w.start(func(ctx context.Context) {
			open := NewChan[int](0)
			for range open.All(ctx) {
				w.errorf("received from nobody")
			}
			w.check(errors.Is(context.Cause(ctx), context.Canceled) || errors.Is(ctx.Err(), errStop), "%v", ctx.Err())
		})
		u.cancel(nil)
	})
}

// TestChanCancelBefore checks that an operation under a context that has ended has no effect, even
// if it need not wait.
func TestChanCancelBefore(t *testing.T) {
	each(t, func(w *world) {
		ch := NewChan[int](1)
		var cancelled Event
		u := w.start(func(ctx context.Context) {
			testkit.Spin(cancelled.IsSet)
			w.check(errors.Is(ch.Send(ctx, 1), errStop), "Send")
			w.check(ch.Len() == 0, "sent")
			w.check(ch.TrySend(2), "TrySend")
			_, ok, err := ch.Recv(ctx)
			w.check(!ok && errors.Is(err, errStop) && ch.Len() == 1, "Recv: %v %v", ok, err)
		})
		u.cancel(errStop)
		cancelled.Set()
		w.wg.Wait()
	})
}

// TestChanGivesWay checks that Send and Recv are yield points, even if they need not wait.
func TestChanGivesWay(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Go(func(c *task.Ctx) {
		d := (*rt.Life)(c).Task()
		ch := NewChan[int](1)
		for _, op := range []func() error{
			func() error { return ch.Send(c, 1) },
			func() error { _, _, err := ch.Recv(c); return err },
		} {
			ran := false
			c.Go(func(*task.Ctx) { ran = true })
			d.Flag().Ask(d.Worker().Dispatch.Load())
			assert.NoError(t, op())
			assert.True(t, ran)
		}
	}).Wait())
}

// TestChanOfAnotherTask checks that Send and Recv park the calling task, and not the running task
// whose Ctx they are given.
func TestChanOfAnotherTask(t *testing.T) {
	eachOf(t, []int{2}, []flavour{tasks}, func(w *world) {
		var over Event
		ctxs := make(chan *task.Ctx, 1)
		w.start(func(ctx context.Context) {
			c := ctx.(*task.Ctx)
			ctxs <- c
			for !over.IsSet() {
				c.Checkpoint()
			}
		})
		other, ch := <-ctxs, NewChan[int](0)
		w.start(func(ctx context.Context) {
			ctxs <- ctx.(*task.Ctx)
			w.check(ch.Send(other, 1) == nil, "Send")
			v, ok, err := ch.Recv(other)
			w.check(v == 2 && ok && err == nil, "Recv: %v %v %v", v, ok, err)
			over.Set()
		})
		caller := (<-ctxs).Task()
		waits := func() {
			testkit.Spin(func() bool { return caller.State() == task.Waiting })
			require.NotEqual(w.t, task.Waiting, other.Task().State())
		}
		waits()
		v, _, err := ch.Recv(bg)
		require.NoError(w.t, err)
		require.Equal(w.t, 1, v)
		waits()
		require.NoError(w.t, ch.Send(bg, 2))
	})
}

// TestChanCancelQueued checks that a waiter that gives up leaves the queue and the others keep
// their places.
func TestChanCancelQueued(t *testing.T) {
	each(t, func(w *world) {
		ch := NewChan[int](0)
		var us []*unit
		var got atomic.Int64
		for i := range 5 {
			us = append(us, w.start(func(ctx context.Context) {
				v, ok, err := ch.Recv(ctx)
				if i%2 == 1 {
					w.check(errors.Is(err, errStop) && !ok && v == 0, "%d: %v %v %v", i, v, ok, err)
					return
				}
				w.check(err == nil && ok && v == i, "%d: %v %v %v", i, v, ok, err)
				got.Add(1)
			}))
			untilWaiting(&ch.mu, &ch.recvq, i+1)
		}
		us[1].cancel(errStop)
		us[3].cancel(errStop)
		<-us[1].done
		<-us[3].done
		require.Equal(w.t, 3, length(&ch.mu, &ch.recvq))
		for _, v := range []int{0, 2, 4} {
			require.True(w.t, ch.TrySend(v))
		}
		w.wait()
		require.EqualValues(w.t, 3, got.Load())

		s := w.start(func(ctx context.Context) {
			w.check(errors.Is(ch.Send(ctx, 1), errStop), "Send")
		})
		untilWaiting(&ch.mu, &ch.sendq, 1)
		s.cancel(errStop)
		<-s.done
		_, done := ch.TryRecv()
		require.False(w.t, done, "the value of a cancelled Send was received")
	})
}

// TestChanCancelRaces lets cancellations race with hand-overs. Each value that was sent must be
// received once, and nothing else.
func TestChanCancelRaces(t *testing.T) {
	for _, capacity := range []int{0, 2} {
		each(t, func(w *world) {
			ch := NewChan[int](capacity)
			n := scale(500)
			var sent, received atomic.Int64
			var open WaitGroup
			for i := range n {
				open.Add(1)
				r := w.start(func(ctx context.Context) {
					if v, ok, err := ch.Recv(ctx); err == nil && ok {
						received.Add(int64(v))
					} else {
						w.check(err == nil || errors.Is(err, errStop), "Recv: %v", err)
					}
				})
				s := w.start(func(ctx context.Context) {
					defer open.Done()
					if err := ch.Send(ctx, i+1); err == nil {
						sent.Add(int64(i + 1))
					} else {
						w.check(errors.Is(err, errStop), "Send: %v", err)
					}
				})
				switch i % 4 {
				case 0:
					r.cancel(errStop)
				case 1:
					s.cancel(errStop)
				case 2:
					s.cancel(errStop)
					r.cancel(errStop)
				}
			}
			// This loop serves the senders that are left over. Close serves the receivers.
			for open.state.Load() != 0 {
				if v, ok := ch.TryRecv(); ok {
					received.Add(int64(v))
				}
				runtime.Gosched()
			}
			ch.Close()
			for v := range ch.All(bg) {
				received.Add(int64(v))
			}
			w.wg.Wait()
			require.Equal(w.t, sent.Load(), received.Load())
			require.Zero(w.t, length(&ch.mu, &ch.recvq)+length(&ch.mu, &ch.sendq))
		})
	}
}

// Waiters of goroutines must not move from one synctest bubble to another, or out of a bubble.
func TestGoroutinesWaitInBubbles(t *testing.T) {
	wait := func(t *testing.T) {
		ch := NewChan[int](0)
		var m Mutex
		require.NoError(t, m.LockContext(t.Context()))
		done := make(chan int)
		go func() {
			v, _, _ := ch.Recv(context.Background())
			_ = m.LockContext(context.Background())
			i, _ := selectAt(context.Background(), ch.RecvCase(), (*Chan[string])(nil).RecvCase())
			done <- v + i
		}()
		require.NoError(t, ch.Send(context.Background(), 1))
		m.Unlock()
		require.NoError(t, ch.Send(context.Background(), 2))
		require.Equal(t, 1, <-done)
	}
	for range 3 {
		wait(t)
		synctest.Test(t, wait)
	}
}
