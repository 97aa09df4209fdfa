package tsync

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// even checks that n draws have hit each entry of hits about equally often: each count is within
// six standard deviations of the mean.
func even(t *testing.T, n int, hits []int) {
	t.Helper()
	k := len(hits)
	variance := float64(n) / float64(k) * (1 - 1/float64(k))
	for _, h := range hits {
		d := float64(h) - float64(n)/float64(k)
		require.Less(t, d*d, 36*variance, "%v", hits)
	}
}

// TestSelectSameChannelRandom checks that each of several cases with the same channel is chosen
// equally often. That holds for a select that waits, too, although the other party takes the first
// of the cases in the queue.
func TestSelectSameChannelRandom(t *testing.T) {
	each(t, func(w *world) {
		const k = 3
		n := 3000
		if testing.Short() {
			n = 1000
		}
		for _, waits := range []bool{false, true} {
			ch, back := NewChan[int](0), NewChan[int](0)
			var sends, recvs [k]int
			w.start(func(ctx context.Context) { // sends, and then receives
				var s, r []Case
				for i := range k {
					s = append(s, ch.SendCase(i))
					r = append(r, back.RecvCase())
				}
				for range n {
					i, err := selectAt(ctx, s...)
					w.check(err == nil, "%v", err)
					sends[i]++
					if i, err = selectAt(ctx, r...); err != nil {
						w.errorf("%v", err)
						return
					}
					recvs[i]++
				}
			})
			var got [k]int
			w.do(func(ctx context.Context) {
				for range n {
					if waits {
						untilYielding(ctx, func() bool { return length(&ch.mu, &ch.sendq) == k })
					}
					v, _, err := ch.Recv(ctx)
					w.check(err == nil, "%v", err)
					got[v]++
					if waits {
						untilYielding(ctx, func() bool { return length(&back.mu, &back.recvq) == k })
					}
					w.check(back.Send(ctx, v) == nil, "Send")
				}
			})
			w.wait()
			even(w.t, n, sends[:])
			even(w.t, n, recvs[:])
			require.Equal(w.t, sends, got)
		}
	})
}

func untilYielding(ctx context.Context, f func() bool) {
	for !f() {
		yield(ctx)
	}
}

// TestSelectCaseUsedTwice runs selects that share a case. At most one of them goes on, the others
// panic, and there is no data race. Afterwards nothing is locked or attached.
func TestSelectCaseUsedTwice(t *testing.T) {
	r := NewChan[int](0).RecvCase()
	requirePanics(t, "in use twice", func() { TrySelect(r, r) })
	requirePanics(t, "in use twice", func() { _, _ = Select(bg, r, r) })
	_, ok := TrySelect(r)
	require.False(t, ok)
	p, q := NewChan[int](0), NewChan[int](0)
	first, twice := p.RecvCase(), q.RecvCase()
	_, _ = TrySelect(first, twice) // gives the channels their places in the order of locking
	requirePanics(t, "in use twice", func() { TrySelect(first, twice, twice) })
	_, ok = TrySelect(first, twice)
	require.False(t, ok)
	each(t, func(w *world) {
		a, b, c := NewChan[int](0), NewChan[int](0), NewChan[int](1)
		shared, other, last := b.RecvCase(), a.SendCase(1), c.RecvCase()
		u := w.start(func(ctx context.Context) {
			i, err := selectAt(ctx, nil, shared)
			w.check(i == 1 && err == nil && shared.Value == 7, "%d %v %d", i, err, shared.Value)
		})
		untilWaiting(&b.mu, &b.recvq, 1)
		w.do(func(ctx context.Context) {
			for range 3 {
				v := recovered(func() { _, _ = Select(ctx, other, shared, last) })
				w.check(v != nil, "no panic")
				v = recovered(func() { TrySelect(last, shared, other) })
				w.check(v != nil, "no panic")
			}
			_, ok := TrySelect(other, last)
			w.check(!ok, "TrySelect")
		})
		require.True(w.t, b.TrySend(7)) // goes to the select that waits
		<-u.done
		require.True(w.t, c.TrySend(8))
		i, ok := trySelectAt(other, shared, last)
		require.Equal(w.t, []any{2, true, 8}, []any{i, ok, last.Value})

		// Now many selects at once.
		var chosen, refused atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Add(1)
			w.start(func(ctx context.Context) {
				defer wg.Done()
				for range scale(500) {
					if recovered(func() {
						if _, err := Select(ctx, shared, other); err != nil {
							w.errorf("%v", err)
						}
					}) == nil {
						chosen.Add(1)
					} else {
						refused.Add(1)
					}
					yield(ctx)
				}
			})
		}
		var over atomic.Bool
		feeding := make(chan struct{})
		go func() {
			defer close(feeding)
			for !over.Load() {
				b.TrySend(1)
				a.TryRecv()
				yield(bg)
			}
		}()
		wg.Wait()
		over.Store(true)
		<-feeding
		require.Equal(w.t, int64(4*scale(500)), chosen.Load()+refused.Load())
		require.Positive(w.t, chosen.Load())
		_, ok = TrySelect(shared, other)
		require.False(w.t, ok)
	})
}
