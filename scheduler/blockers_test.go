package scheduler

import (
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/task"
)

// Idle goroutines end, and new ones are started when they are needed again.
func TestBlockersTrim(t *testing.T) {
	s, err := New(WithWorkers(2))
	require.NoError(t, err)
	defer s.Close()
	const calls = 8
	count := func() (n, idle int) {
		s.block.mu.Lock()
		defer s.block.mu.Unlock()
		return len(s.block.all), len(s.block.idle)
	}
	for range 2 {
		var all sync.WaitGroup
		all.Add(calls)
		var ts []task.Task
		for range calls {
			ts = append(ts, s.Go(func(c *task.Ctx) {
				if err := c.BlockingOrAbandon(func() { all.Done(); all.Wait() }); err != nil {
					t.Error(err)
				}
			}))
		}
		for _, x := range ts {
			require.NoError(t, x.Wait())
		}
		n, _ := count()
		require.LessOrEqual(t, n, calls)
		for n > 0 {
			s.block.trim()
			runtime.Gosched()
			n, _ = count()
		}
		_, idle := count()
		require.Zero(t, idle)
	}
}

// The queue of calls keeps its order and its length while it is used from both ends.
func TestBlockersQueue(t *testing.T) {
	s, err := New(WithWorkers(1), WithBlockingLimit(1))
	require.NoError(t, err)
	defer s.Close()
	const calls = 500
	var order []int // written by one goroutine at a time
	var ts []task.Task
	for i := range calls {
		ts = append(ts, s.Go(func(c *task.Ctx) {
			for round := range 3 {
				if err := c.BlockingOrAbandon(func() { order = append(order, round*calls+i) }); err != nil {
					t.Error(err)
				}
			}
		}))
	}
	for _, x := range ts {
		require.NoError(t, x.Wait())
	}
	require.Len(t, order, 3*calls)
	last := map[int]int{}
	for _, v := range order {
		i, round := v%calls, v/calls
		require.Equal(t, round, last[i])
		last[i]++
	}
	s.block.mu.Lock()
	defer s.block.mu.Unlock()
	require.Zero(t, s.block.head)
	require.Empty(t, s.block.queue)
}
