package task

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// A caller that no longer waits for a result leaves nothing in the future's queue.
func TestRaceWithdraws(t *testing.T) {
	var slow, fast Future[int]
	for _, f := range []*Future[int]{&slow, &fast} {
		f.s.fn = func(*Ctx) (int, error) { return 0, nil } // as if by Submit
	}
	fast.s.p.Complete(1, nil)
	for range 3 {
		v, err := Race(context.Background(), &slow, &fast)
		require.NoError(t, err)
		require.Equal(t, 1, v)
		require.Nil(t, slow.s.p.queue.First)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Race(ended, &slow, &slow)
	require.ErrorIs(t, err, context.Canceled)
	require.Nil(t, slow.s.p.queue.First)
}
