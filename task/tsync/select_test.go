package tsync

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
)

func TestSelectWithoutWaiting(t *testing.T) {
	a, b := NewChan[int](1), NewChan[string](1)
	r, s := a.RecvCase(), b.SendCase("x")
	i, err := selectAt(bg, r, s)
	require.NoError(t, err)
	require.Equal(t, 1, i)
	i, ok := trySelectAt(r, s)
	require.False(t, ok)
	require.Equal(t, -1, i)
	require.True(t, a.TrySend(7))
	i, ok = trySelectAt(nil, (*Chan[int])(nil).RecvCase(), (*RecvCase[int])(nil), r)
	require.True(t, ok)
	require.Equal(t, []any{3, 7, true}, []any{i, r.Value, r.OK})
	a.Close()
	i, err = selectAt(bg, r)
	require.NoError(t, err)
	require.Equal(t, []any{0, 0, false}, []any{i, r.Value, r.OK})
	b.Close()
	requirePanics(t, "on a closed Chan", func() { _, _ = Select(bg, s) })
	requirePanics(t, "on a closed Chan", func() { TrySelect(s) })
	require.False(t, func() bool { _, ok := TrySelect(); return ok }())
	ended, cancel := context.WithCancelCause(bg)
	cancel(errStop)
	i, err = selectAt(ended, r)
	require.ErrorIs(t, err, errStop)
	require.Equal(t, -1, i)
	i, ok = trySelectAt(r) // the panics have left nothing locked
	require.True(t, ok)
	require.Zero(t, i)
}

// TestSelectFair checks that each of several ready cases is chosen equally often.
func TestSelectFair(t *testing.T) {
	var cases []Case
	for range 3 {
		ch := NewChan[int](0)
		ch.Close()
		// Every second case is ready.
		cases = append(cases, NewChan[int](0).RecvCase(), ch.RecvCase())
	}
	const n = 6000
	var hits [6]int
	for range n {
		i, err := selectAt(bg, cases...)
		require.NoError(t, err)
		hits[i]++
	}
	for i, h := range hits {
		if i%2 == 0 {
			require.Zero(t, h)
		} else {
			require.InDelta(t, n/3, h, n/20, "%v", hits)
		}
	}
}

func TestSelectManyCases(t *testing.T) {
	chs := make([]*Chan[int], 50)
	var cases []Case
	for i := range chs {
		chs[i] = NewChan[int](1)
	}
	for i := len(chs) - 1; i >= 0; i-- { // not in the order of locking
		cases = append(cases, chs[i].RecvCase(), chs[i].RecvCase())
	}
	_, ok := TrySelect(cases...)
	require.False(t, ok)
	require.True(t, chs[9].TrySend(1))
	i, ok := trySelectAt(cases...)
	require.True(t, ok)
	require.Equal(t, 40, i/2)
}

// TestSelectSameChannel checks that the cases of one select do not serve each other.
func TestSelectSameChannel(t *testing.T) {
	each(t, func(w *world) {
		ch := NewChan[int](0)
		u := w.start(func(ctx context.Context) {
			i, err := selectAt(ctx, ch.RecvCase(), ch.SendCase(1))
			w.check(i == -1 && errors.Is(err, errStop), "%d %v", i, err)
		})
		untilWaiting(&ch.mu, &ch.sendq, 1)
		require.Equal(w.t, 1, length(&ch.mu, &ch.recvq))
		u.cancel(errStop)
		<-u.done
		require.Zero(w.t, length(&ch.mu, &ch.recvq)+length(&ch.mu, &ch.sendq))
		// Two such selects do serve each other.
		for range 2 {
			w.start(func(ctx context.Context) {
				r, s := ch.RecvCase(), ch.SendCase(1)
				i, err := selectAt(ctx, r, s)
				w.check(err == nil && (i == 1 || r.OK && r.Value == 1), "%d %v %v", i, err, r.Value)
			})
		}
	})
}

func TestSelectWaits(t *testing.T) {
	each(t, func(w *world) {
		a, b := NewChan[int](0), NewChan[string](0)
		r, s := a.RecvCase(), b.SendCase("x")
		w.start(func(ctx context.Context) {
			for k := range 10 {
				i, err := selectAt(ctx, r, s)
				w.check(err == nil && i == k%2, "%d: %d %v", k, i, err)
				w.check(i != 0 || r.OK && r.Value == k, "%d: %v", k, r.Value)
			}
			i, err := selectAt(ctx, r, s) // ended by Close
			w.check(err == nil && i == 0 && !r.OK && r.Value == 0, "%d %v", i, err)
			defer func() { w.check(recover() != nil, "no panic") }()
			_, _ = Select(ctx, s)
		})
		for k := range 10 {
			untilWaiting(&a.mu, &a.recvq, 1)
			untilWaiting(&b.mu, &b.sendq, 1)
			if k%2 == 0 {
				require.True(w.t, a.TrySend(k))
			} else {
				v, ok := b.TryRecv()
				require.Equal(w.t, []any{"x", true}, []any{v, ok})
			}
		}
		untilWaiting(&b.mu, &b.sendq, 1)
		a.Close()
		untilWaiting(&b.mu, &b.sendq, 1)
		b.Close()
		w.wait()
		require.Zero(w.t, length(&a.mu, &a.recvq)+length(&b.mu, &b.sendq))
	})
}

func TestSelectNothing(t *testing.T) {
	each(t, func(w *world) {
		u := w.start(func(ctx context.Context) {
			i, err := selectAt(ctx)
			w.check(i == -1 && errors.Is(err, errStop), "%d %v", i, err)
		})
		u.cancel(errStop)
	})
}

// TestSelectExactlyOnce runs selects on both sides of several channels, and cancels some of them.
// Each value that was sent must be received once.
func TestSelectExactlyOnce(t *testing.T) {
	each(t, func(w *world) {
		chs := []*Chan[int]{NewChan[int](0), NewChan[int](1), NewChan[int](3)}
		var sent, received atomic.Int64
		var open WaitGroup
		n := scale(400)
		for k := range 6 {
			open.Add(1)
			u := w.start(func(ctx context.Context) {
				defer open.Done()
				x, y := chs[k%3].SendCase(0), chs[(k+1)%3].SendCase(0)
				for i := range n {
					x.Value, y.Value = k*n+i+1, k*n+i+1
					if _, err := Select(ctx, x, y); err != nil {
						w.check(errors.Is(err, errStop), "%v", err)
						return
					}
					sent.Add(int64(x.Value))
				}
			})
			w.start(func(ctx context.Context) {
				rs := []*RecvCase[int]{chs[0].RecvCase(), chs[1].RecvCase(), chs[2].RecvCase()}
				cases := []Case{rs[0], rs[1], rs[2]}
				for left := 3; left > 0; {
					i, err := selectAt(ctx, cases...)
					if err != nil {
						w.errorf("%v", err)
						return
					}
					if !rs[i].OK {
						cases[i] = nil
						left--
						continue
					}
					received.Add(int64(rs[i].Value))
				}
			})
			if k%3 == 2 {
				testkit.Spin(func() bool { return sent.Load() > 0 })
				u.cancel(errStop)
			}
		}
		require.NoError(w.t, open.WaitContext(bg))
		for _, ch := range chs {
			ch.Close()
		}
		w.wait()
		require.Equal(w.t, sent.Load(), received.Load())
		for _, ch := range chs {
			require.Zero(w.t, length(&ch.mu, &ch.recvq)+length(&ch.mu, &ch.sendq)+ch.Len())
		}
	})
}

// TestSelectFunctions checks that the function of the chosen case is called once, with nothing
// locked, and may use the case again.
func TestSelectFunctions(t *testing.T) {
	each(t, func(w *world) {
		a, b := NewChan[int](0), NewChan[string](0)
		w.start(func(ctx context.Context) {
			var got []any
			var again Case
			r := OnRecv(a, func(v int, ok bool) {
				got = append(got, v, ok)
				if ok && v == 1 {
					_, err := Select(ctx, again)
					w.check(err == nil, "%v", err)
				}
			})
			again = r
			s := OnSend(b, "x", func() { got = append(got, "sent") })
			for _, want := range []Case{r, s} {
				chosen, err := Select(ctx, nil, r, s)
				w.check(chosen == want && err == nil, "%v", err)
			}
			chosen, ok := TrySelect(OnRecv(b, nil), r)
			for !ok {
				yield(ctx)
				chosen, ok = TrySelect(OnRecv(b, nil), r)
			}
			w.check(chosen == r, "another case")
			w.check(slices.Equal(got, []any{1, true, 2, true, "sent", 0, false}), "%v", got)
			v := recovered(func() { _, _ = Select(ctx, OnRecv(a, func(int, bool) { panic("mine") })) })
			w.check(v == "mine", "%v", v)
		})
		w.do(func(ctx context.Context) {
			w.check(a.Send(ctx, 1) == nil && a.Send(ctx, 2) == nil, "Send")
			v, _, err := b.Recv(ctx)
			w.check(v == "x" && err == nil, "%v %v", v, err)
			a.Close()
		})
	})
}
