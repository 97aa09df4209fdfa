package tsync

import (
	"context"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// chunks returns the number of chunks of the overflow, with the spare one, and the number of values
// they have room for.
func (o *overflow[T]) chunks() (n, values int) {
	for x := o.first; x != nil; x = x.next {
		n++
		values += cap(x.values)
	}
	if o.spare != nil {
		n++
		values += cap(o.spare.values)
	}
	return n, values
}

// TestUnboundedOrder compares the buffer with a slice while it grows and shrinks.
func TestUnboundedOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	ch := NewUnbounded[int]()
	require.Equal(t, math.MaxInt, ch.Cap())
	var want []int
	sent := 0
	for range 300 {
		for range r.IntN(1 << r.IntN(12)) {
			require.True(t, ch.TrySend(sent))
			want = append(want, sent)
			sent++
		}
		for range r.IntN(1 << r.IntN(13)) {
			require.Equal(t, len(want), ch.Len())
			var v int
			var ok bool
			if ch.n > 0 && r.IntN(2) == 0 {
				v, ok, _ = ch.Recv(bg)
			} else {
				v, ok = ch.TryRecv()
			}
			require.Equal(t, len(want) > 0, ok)
			if !ok {
				break
			}
			require.Equal(t, want[0], v)
			want = want[1:]
		}
	}
	// The values that are left can be received after Close.
	ch.Close()
	for v := range ch.All(bg) {
		require.Equal(t, want[0], v)
		want = want[1:]
	}
	require.Empty(t, want)
	requirePanics(t, "TrySend on a closed Chan", func() { ch.TrySend(1) })
	requirePanics(t, "Send on a closed Chan", func() { _ = ch.Send(bg, 1) })
	requirePanics(t, "Close of a Chan that is closed already", ch.Close)
}

// TestUnboundedGivesBack checks that after a burst the buffer is small again and refers to no
// value.
func TestUnboundedGivesBack(t *testing.T) {
	const n = 100_000
	ch := NewUnbounded[*int]()
	for range n {
		ch.TrySend(new(int))
	}
	most, values := ch.over.chunks()
	require.GreaterOrEqual(t, values, n-ringSize)
	require.Less(t, values, n+2*maxChunk)
	for i := range n {
		ch.TryRecv()
		if i%1000 == 0 {
			now, values := ch.over.chunks()
			require.LessOrEqual(t, now, most)
			require.LessOrEqual(t, values, ch.over.n+3*maxChunk, "after %d receipts", i)
		}
	}
	_, values = ch.over.chunks()
	require.LessOrEqual(t, values, minChunk)
	for _, p := range ch.buf {
		require.Nil(t, p)
	}
}

// TestUnboundedSends runs senders and receivers of all kinds. Each value that was sent must be
// received once, and in the order of its sender.
func TestUnboundedSends(t *testing.T) {
	each(t, func(w *world) {
		const senders = 6
		n := scale(2000)
		ch, quit := NewUnbounded[[2]int](), NewChan[int](0)
		var left atomic.Int64
		left.Store(senders)
		var got atomic.Int64
		for s := range senders {
			w.start(func(ctx context.Context) {
				send := ch.SendCase([2]int{})
				for i := range n {
					switch v := [2]int{s, i}; i % 3 {
					case 0:
						w.check(ch.Send(ctx, v) == nil, "Send")
					case 1:
						w.check(ch.TrySend(v), "TrySend")
					default:
						send.Value = v
						_, err := Select(ctx, send, quit.RecvCase())
						w.check(err == nil, "Select")
					}
				}
				if left.Add(-1) == 0 {
					ch.Close()
				}
			})
		}
		for r := range 3 {
			w.start(func(ctx context.Context) {
				var next [senders]int
				recv := ch.RecvCase()
				for {
					var v [2]int
					ok := true
					var err error
					if r == 0 {
						_, err = Select(ctx, recv, quit.RecvCase())
						v, ok = recv.Value, recv.OK
					} else {
						v, ok, err = ch.Recv(ctx)
					}
					w.check(err == nil, "%v", err)
					if !ok || err != nil {
						return
					}
					w.check(v[1] >= next[v[0]], "%v after %d", v, next[v[0]])
					next[v[0]] = v[1] + 1
					got.Add(1)
				}
			})
		}
		w.wait()
		require.Equal(w.t, int64(senders*n), got.Load())
		require.Zero(w.t, ch.Len())
	})
}

// TestUnboundedCancelled checks that a receiver can give up, and that a sender under a context that
// has ended has sent nothing.
func TestUnboundedCancelled(t *testing.T) {
	each(t, func(w *world) {
		ch := NewUnbounded[int]()
		var result error
		u := w.start(func(ctx context.Context) { _, _, result = ch.Recv(ctx) })
		untilWaiting(&ch.mu, &ch.recvq, 1)
		u.cancel(errStop)
		<-u.done
		require.ErrorIs(w.t, result, errStop)
		ended, cancel := context.WithCancelCause(bg)
		cancel(errStop)
		require.ErrorIs(w.t, ch.Send(ended, 1), errStop)
		require.Zero(w.t, ch.Len())
	})
}

func TestUnboundedDoesNotAllocate(t *testing.T) {
	if atomicx.Modelled {
		t.Skip("the explorer's mutexes allocate")
	}
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	for _, backlog := range []int{1, ringSize, ringSize + minChunk} {
		ch := NewUnbounded[int]()
		allocs := 0.0
		require.NoError(t, s.Go(func(c *task.Ctx) {
			allocs = testing.AllocsPerRun(1000, func() {
				for i := range backlog {
					_ = ch.Send(c, i)
				}
				for range backlog {
					_, _, _ = ch.Recv(c)
				}
			})
		}).Wait())
		require.Less(t, allocs, 1.0, "%d values wait", backlog)
	}
}
