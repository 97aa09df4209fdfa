package inject

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/taskpool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newQueue returns a queue without a limit.
func newQueue() *Queue {
	pool := new(taskpool.Pool)
	pool.Init(&rt.Worker{})
	q := new(Queue)
	q.Init(pool)
	return q
}

// made returns a task of level l that is in no queue.
func made(q *Queue, l rt.Level) *rt.Task {
	x := &rt.Extra{Level: l}
	d := q.New(x)
	d.Start(nil, x)
	return d
}

// submit submits a task of level l, which has to find room.
func submit(t *testing.T, q *Queue, l rt.Level) *rt.Task {
	t.Helper()
	d, gen, ok := q.Submit(nil, &rt.Extra{Level: l})
	require.True(t, ok)
	require.Equal(t, d.Gen(), gen)
	return d
}

// pop takes one task of level l.
func pop(t *testing.T, q *Queue, l rt.Level) *rt.Task {
	t.Helper()
	d, ok := q.PopLevel(l)
	require.True(t, ok, "no other goroutine holds the mutex")
	return d
}

// The fifo beside a slice, over lengths at which its ring grows, wraps and is given back.
func TestFifo(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var q fifo
	var want []*rt.Task
	for _, most := range []int{1, 10, 64, 65, 1000, keepRing + 1} {
		for len(want) < most {
			d := &rt.Task{}
			q.push(d)
			want = append(want, d)
			if rng.IntN(3) == 0 {
				require.Same(t, want[0], q.pop())
				want = want[1:]
			}
		}
		require.Equal(t, len(want), q.n)
		for _, d := range want {
			require.Same(t, d, q.pop())
		}
		want = nil
		require.Nil(t, q.pop())
		require.LessOrEqual(t, len(q.ring), keepRing, "a burst's memory")
	}
}

// A batch is in the count until all of it is in the worker's queue: a worker that looks before it
// sleeps must see it in one place or the other.
func TestBatchIsCountedDownLast(t *testing.T) {
	q := newQueue()
	const n = 10
	for range n {
		q.Push(made(q, rt.Normal))
	}
	moved := 0
	d, ok := q.Pop(n, func(*rt.Task) {
		moved++
		require.Equal(t, n-1, q.Len(), "with %d moved; the first is the caller's", moved)
	})
	require.True(t, ok)
	require.NotNil(t, d)
	require.Equal(t, n-1, moved)
	require.Zero(t, q.Len())
}

// A batch has a bound.
func TestBatchIsBounded(t *testing.T) {
	q := newQueue()
	for range 3 * maxBatch {
		q.Push(made(q, rt.Normal))
	}
	moved := 0
	_, _ = q.Pop(1<<20, func(*rt.Task) { moved++ })
	require.Equal(t, maxBatch-1, moved)
	require.Equal(t, 2*maxBatch, q.Len())
}

// Each level has a queue and a count, and those that try do not wait for the mutex.
func TestLevels(t *testing.T) {
	q := newQueue()
	require.True(t, q.Empty())
	high, normal, low := made(q, rt.High), made(q, rt.Normal), made(q, rt.Low)
	require.True(t, high.Ranked())
	require.False(t, normal.Ranked())
	require.True(t, low.Ranked())
	q.Push(high)
	require.True(t, q.AnyHigh())
	require.False(t, q.AnyLow())
	q.PushAll([]*rt.Task{normal, low})
	require.True(t, q.AnyLow())
	require.True(t, q.AnyRanked())
	require.Equal(t, 1, q.Normal())
	require.Equal(t, 3, q.Len())
	nHigh, nLow := q.RankedLen()
	require.Equal(t, 1, nHigh)
	require.Equal(t, 1, nLow)
	q.mu.Lock()
	_, ok := q.Pop(1, nil)
	require.False(t, ok)
	_, ok = q.PopLevel(rt.Low)
	require.False(t, ok)
	q.mu.Unlock()
	require.Same(t, low, pop(t, q, rt.Low))
	require.Same(t, high, pop(t, q, rt.High))
	require.False(t, q.AnyRanked())
	require.Same(t, normal, pop(t, q, rt.Normal))
	require.True(t, q.Empty())
	_, ok = q.Pop(1, nil)
	require.True(t, ok, "there is nothing to try again for")
}

// Submissions and what Count is told are counted.
func TestAccepted(t *testing.T) {
	q := newQueue()
	submit(t, q, rt.Normal)
	q.Push(made(q, rt.Normal))
	q.Accept(made(q, rt.Low))
	q.Count(5)
	require.EqualValues(t, 7, q.Accepted())
}
