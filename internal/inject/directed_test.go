package inject

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
)

// The queue of a directed scheduler always reports a ranked task, has no room for submissions, and
// counts only the tasks that it has.
func TestDirect(t *testing.T) {
	q := newQueue()
	require.False(t, q.Directed())
	q.Direct(func(*Blocked) { t.Error("no submission is blocked") })
	require.True(t, q.Directed())
	require.True(t, q.AnyRanked())
	require.Zero(t, q.Len())
	_, _, ok := q.Submit(nil, nil)
	require.False(t, ok)
	require.False(t, q.Reserve())

	high, low := made(q, rt.High), made(q, rt.Low)
	q.Push(low)
	q.Overfill()
	q.Accept(high)
	h, l := q.RankedLen()
	require.Equal(t, []int{1, 1, 2}, []int{h, l, q.Len()})
	require.Nil(t, q.TakeLevel(rt.Normal))
	require.Same(t, high, q.TakeLevel(rt.High))
	require.Same(t, low, q.TakeLevel(rt.Low))
	require.Zero(t, q.Len())
	require.Zero(t, q.Reserved())
	require.True(t, q.Directed())
}
