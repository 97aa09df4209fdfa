package inject

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
)

// newLimited returns a queue with a limit, and a list of those that were woken.
func newLimited(most int) (q *Queue, woken *[]*Blocked) {
	q, woken = newQueue(), new([]*Blocked)
	q.SetLimit(most, func(b *Blocked) { *woken = append(*woken, b) })
	return q, woken
}

// blockedOn returns a submission that has to wait for room.
func blockedOn(t *testing.T, q *Queue) *Blocked {
	t.Helper()
	b := q.NewBlocked(made(q, rt.Normal))
	b.Prepare(context.Background(), nil)
	require.Equal(t, Listed, q.Block(b, func() bool { return false }))
	return b
}

// As many submissions as the limit says have room, until workers take them.
func TestLimit(t *testing.T) {
	q, _ := newLimited(2)
	require.True(t, q.Limited())
	first := submit(t, q, rt.Normal)
	require.True(t, q.Reserve())
	_, _, ok := q.Submit(nil, nil)
	require.False(t, ok)
	require.False(t, q.Reserve())
	require.Equal(t, 2, q.Reserved())
	require.Same(t, first, pop(t, q, rt.Normal))
	require.Equal(t, 1, q.Reserved())
	submit(t, q, rt.Low)
	q.Overfill()
	require.Equal(t, 3, q.Reserved())
	require.EqualValues(t, 2, q.Accepted(), "what was refused does not count")
}

// A worker passes its room on to the submission that has been blocked for longest, and newcomers do
// not overtake.
func TestRoomIsPassedOn(t *testing.T) {
	q, woken := newLimited(1)
	submit(t, q, rt.Normal)
	a, b := blockedOn(t, q), blockedOn(t, q)
	require.Same(t, a, q.FirstBlocked())
	pop(t, q, rt.Normal)
	require.Equal(t, []*Blocked{a}, *woken)
	require.True(t, a.Let())
	require.False(t, b.Let())
	require.Same(t, a.Task(), pop(t, q, rt.Normal))
	require.Same(t, b.Task(), pop(t, q, rt.Normal))
	require.Equal(t, []*Blocked{a, b}, *woken)
	require.Zero(t, q.Reserved())

	submit(t, q, rt.Normal)
	c := blockedOn(t, q)
	require.True(t, c.Withdraw())
	require.True(t, c.Retract(), "the submitter knows that it has withdrawn")
	require.False(t, c.Withdraw())
	pop(t, q, rt.Normal)
	require.False(t, c.Let())
	require.True(t, q.Empty())
}

// Block looks at the phase under the mutex, and then for room.
func TestBlock(t *testing.T) {
	q, _ := newLimited(1)
	b := q.NewBlocked(made(q, rt.Normal))
	require.Equal(t, Refused, q.Block(b, func() bool {
		require.False(t, q.mu.TryLock(), "under the mutex")
		return true
	}))
	require.True(t, q.Empty())
	require.Nil(t, q.FirstBlocked())
	require.Equal(t, Queued, q.Block(b, func() bool { return false }))
	require.Same(t, b.Task(), pop(t, q, rt.Normal))
}

// Refuse and Abandon take submissions out of the list and wake their submitters, each once.
func TestRefuse(t *testing.T) {
	q, woken := newLimited(1)
	submit(t, q, rt.Normal)
	var bs []*Blocked
	for range 3 {
		bs = append(bs, blockedOn(t, q))
	}
	bs[1].Abandon()
	bs[1].WaitWoken()
	require.False(t, bs[1].Retract(), "another party has taken it out")
	q.Refuse()
	bs[0].WaitWoken()
	bs[2].WaitWoken()
	require.Nil(t, q.FirstBlocked())
	require.Empty(t, *woken, "no worker was at it")
	bs[0].Abandon() // finds nothing, and wakes no submitter twice
	q.Refuse()
	newQueue().Refuse()
}

// DropOldest drops the oldest submission of the lowest level, but none above the new one.
func TestDisplace(t *testing.T) {
	q, _ := newLimited(3)
	high, normal, low := submit(t, q, rt.High), submit(t, q, rt.Normal), submit(t, q, rt.Low)
	for _, want := range []*rt.Task{low, normal} {
		victim, ok := q.DropOldest(rt.Normal)
		require.True(t, ok)
		require.Same(t, want, victim)
		q.Accept(made(q, rt.High))
	}
	_, ok := q.DropOldest(rt.Normal)
	require.False(t, ok, "all that wait are above")
	victim, ok := q.DropOldest(rt.High)
	require.True(t, ok)
	require.Same(t, high, victim)
	require.Equal(t, 3, q.Reserved(), "the victim's room is the new one's")
	require.Equal(t, 2, q.Len())
}

// With all room promised, DropOldest takes more.
func TestDisplaceBesidePromises(t *testing.T) {
	q, _ := newLimited(1)
	require.True(t, q.Reserve())
	victim, ok := q.DropOldest(rt.Normal)
	require.True(t, ok)
	require.Nil(t, victim)
	require.Equal(t, 2, q.Reserved())
}

// With a limit a batch has no submissions, and submissions take turns with woken tasks.
func TestTurnsOfSubmissions(t *testing.T) {
	q, _ := newLimited(10)
	var subs, woken []*rt.Task
	for range 3 {
		subs = append(subs, submit(t, q, rt.Normal))
		d := made(q, rt.Normal)
		woken = append(woken, d)
		q.Push(d)
	}
	require.Same(t, subs[0], pop(t, q, rt.Normal))
	require.Same(t, woken[0], pop(t, q, rt.Normal))
	var batch []*rt.Task
	d, ok := q.Pop(10, func(d *rt.Task) { batch = append(batch, d) })
	require.True(t, ok)
	require.Same(t, subs[1], d)
	require.Equal(t, woken[1:], batch)
	require.Same(t, subs[2], pop(t, q, rt.Normal))
}
