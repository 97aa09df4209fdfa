package tsync

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
)

// pairedRounds is a number of values that is large enough to make a new channel paired. They must
// go from one task to another that waits for each.
const pairedRounds = 2*keepAfter + 8*firstPairing

// pair makes ch paired. On return, one task of w waits in Recv for one more value, and got passes
// on what it receives.
func pair(w *world, ch *Chan[int]) (receiver task.Task, got chan func() (int, bool, error)) {
	got = make(chan func() (int, bool, error), 1)
	receiver = w.s.Go(func(c *task.Ctx) {
		for i := range pairedRounds {
			v, ok, err := ch.Recv(c)
			w.check(v == i && ok && err == nil, "got %d %v %v, want %d", v, ok, err, i)
		}
		v, ok, err := ch.Recv(c)
		got <- func() (int, bool, error) { return v, ok, err }
	})
	waits := func() bool {
		if ch.word.Load()&chReceiver != 0 {
			return true
		}
		ch.mu.Lock()
		defer ch.mu.Unlock()
		return ch.recvq.First != nil
	}
	err := w.s.Go(func(c *task.Ctx) {
		for i := range pairedRounds {
			for !waits() {
				c.Yield()
			}
			w.check(ch.Send(c, i) == nil, "Send")
		}
	}).Wait()
	require.NoError(w.t, err)
	testkit.Spin(waits)
	require.EqualValues(w.t, chReceiver, ch.word.Load()&chState, "the channel is paired")
	return receiver, got
}

// TestChanPaired uses a channel in all ways while one task waits on it as on a paired channel.
func TestChanPaired(t *testing.T) {
	type fate struct {
		v   int
		ok  bool
		err error
	}
	for name, x := range map[string]struct {
		act  func(w *world, ch *Chan[int], receiver task.Task)
		want fate
	}{
		"TrySend": {func(w *world, ch *Chan[int], _ task.Task) { require.True(w.t, ch.TrySend(7)) }, fate{7, true, nil}},
		"TryRecv": {func(w *world, ch *Chan[int], _ task.Task) {
			_, done := ch.TryRecv()
			require.False(w.t, done)
			require.Equal(w.t, 1, length(&ch.mu, &ch.recvq))
			require.True(w.t, ch.TrySend(7))
		}, fate{7, true, nil}},
		"Send of a goroutine": {func(w *world, ch *Chan[int], _ task.Task) {
			require.NoError(w.t, ch.Send(bg, 7))
		}, fate{7, true, nil}},
		"Send of a task": {func(w *world, ch *Chan[int], _ task.Task) {
			require.NoError(w.t, w.s.Go(func(c *task.Ctx) { w.check(ch.Send(c, 7) == nil, "Send") }).Wait())
			require.Zero(w.t, ch.word.Load()&chState)
		}, fate{7, true, nil}},
		"Send under a derived context": {func(w *world, ch *Chan[int], _ task.Task) {
			require.NoError(w.t, w.s.Go(func(c *task.Ctx) {
				ctx, cancel := context.WithCancel(c)
				defer cancel()
				w.check(ch.Send(ctx, 7) == nil, "Send")
			}).Wait())
		}, fate{7, true, nil}},
		"Select": {func(w *world, ch *Chan[int], _ task.Task) {
			i, err := selectAt(bg, NewChan[int](0).RecvCase(), ch.SendCase(7))
			require.NoError(w.t, err)
			require.Equal(w.t, 1, i)
		}, fate{7, true, nil}},
		"TrySelect": {func(w *world, ch *Chan[int], _ task.Task) {
			_, ok := TrySelect(ch.RecvCase())
			require.False(w.t, ok)
			_, ok = TrySelect(ch.SendCase(7))
			require.True(w.t, ok)
		}, fate{7, true, nil}},
		"Recv of another": {func(w *world, ch *Chan[int], _ task.Task) {
			second := w.s.Go(func(c *task.Ctx) {
				v, ok, err := ch.Recv(c)
				w.check(v == 8 && ok && err == nil, "%d %v %v", v, ok, err)
			})
			untilWaiting(&ch.mu, &ch.recvq, 2)
			require.True(w.t, ch.TrySend(7)) // the receiver that came first gets the first value
			require.True(w.t, ch.TrySend(8))
			require.NoError(w.t, second.Wait())
		}, fate{7, true, nil}},
		"Len and Cap": {func(w *world, ch *Chan[int], _ task.Task) {
			require.Zero(w.t, ch.Len()+ch.Cap())
			require.EqualValues(w.t, chReceiver, ch.word.Load()&chState)
			require.True(w.t, ch.TrySend(7))
		}, fate{7, true, nil}},
		"Close": {func(w *world, ch *Chan[int], _ task.Task) { ch.Close() }, fate{0, false, nil}},
		"Cancel": {func(w *world, ch *Chan[int], r task.Task) {
			r.CancelCause(errStop)
			require.ErrorIs(w.t, r.Wait(), errStop)
			require.False(w.t, ch.TrySend(7))
		}, fate{0, false, errStop}},
		"Cancel after it was queued": {func(w *world, ch *Chan[int], r task.Task) {
			_, _ = ch.TryRecv()
			r.CancelCause(errStop)
			require.ErrorIs(w.t, r.Wait(), errStop)
			require.Zero(w.t, length(&ch.mu, &ch.recvq))
		}, fate{0, false, errStop}},
	} {
		t.Run(name, func(t *testing.T) {
			eachOf(t, []int{1, 2, 4}, []flavour{tasks}, func(w *world) {
				ch := NewChan[int](0)
				r, got := pair(w, ch)
				x.act(w, ch, r)
				v, ok, err := (<-got)()
				require.Equal(w.t, x.want.v, v)
				require.Equal(w.t, x.want.ok, ok)
				require.True(w.t, errors.Is(err, x.want.err), "%v", err)
				if x.want.err == nil {
					require.NoError(w.t, r.Wait())
				}
			})
		})
	}
}

// TestChanPairsAndQueues lets two tasks send values to each other while a third keeps making the
// channel queued. All values must arrive in order.
func TestChanPairsAndQueues(t *testing.T) {
	eachOf(t, []int{1, 2, 8}, []flavour{tasks}, func(w *world) {
		there, back := NewChan[int](0), NewChan[int](0)
		n := scale(20_000)
		var over Event
		paired := 0
		w.start(func(ctx context.Context) {
			for i := range n {
				v, ok, err := there.Recv(ctx)
				w.check(v == i && ok && err == nil, "got %d %v %v, want %d", v, ok, err, i)
				if there.word.Load()&chQueued == 0 {
					paired++
				}
				w.check(back.Send(ctx, i) == nil, "Send")
			}
		})
		w.start(func(ctx context.Context) {
			defer over.Set()
			for i := range n {
				w.check(there.Send(ctx, i) == nil, "Send")
				v, ok, err := back.Recv(ctx)
				w.check(v == i && ok && err == nil, "came back: %d %v %v, want %d", v, ok, err, i)
			}
		})
		w.start(func(ctx context.Context) {
			c := ctx.(*task.Ctx)
			never := NewChan[int](0)
			x, y := never.RecvCase(), never.SendCase(1)
			for !over.IsSet() {
				for range 2000 {
					c.Yield()
				}
				there.lock() // makes the channel queued
				there.mu.Unlock()
				_, _ = TrySelect(x, y)
			}
		})
		w.wait()
		require.Positive(w.t, paired, "the channel was never paired")
	})
}

// TestUnpairingCountsTheEpoch checks that no value of the channel's word comes back after the
// channel was queued. So a task that loaded the word and then the kept waiter fails to claim that
// waiter, even if the channel is paired again with another one.
func TestUnpairingCountsTheEpoch(t *testing.T) {
	for _, waits := range []uint32{0, chReceiver, chSender} {
		ch := NewChan[int](0)
		kept := &waiter[int]{at: ch, of: new(rt.Task)}
		for dir := range ch.kept {
			ch.kept[dir].Store(kept)
		}
		ch.word.Store(waits)
		seen := map[uint32]bool{}
		for range 3 {
			s := ch.word.Load()
			require.False(t, seen[s], "the word %#x comes back", s)
			seen[s] = true
			ch.lock() // calls unpair
			for _, q := range []*queue[int]{&ch.recvq, &ch.sendq} {
				for q.First != nil {
					q.Pop()
				}
			}
			for ch.word.Load()&chQueued != 0 {
				ch.countMeeting(kept, true)
			}
			ch.word.Add(waits) // as if a task began to wait
			ch.mu.Unlock()
		}
	}
}
