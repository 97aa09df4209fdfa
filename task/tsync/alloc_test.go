package tsync

import (
	"context"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// TestSteadyStateDoesNotAllocate lets two tasks wait for each other in each way that the package
// documents as free of allocations.
func TestSteadyStateDoesNotAllocate(t *testing.T) {
	if testkit.Race || atomicx.Modelled {
		t.Skip("the race detector makes sync.Pool forget at random; the explorer's mutexes allocate")
	}
	there, back := NewChan[int](0), NewChan[int](0)
	var m Mutex
	sem := NewSemaphore(1)
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	use := func(ctx context.Context) {
		_ = m.LockContext(ctx)
		_ = sem.Acquire(ctx, 1)
		yield(ctx) // so that the other task queues
		sem.Release(1)
		m.Unlock()
	}
	s.Go(func(c *task.Ctx) {
		r := there.RecvCase()
		for {
			if _, err := Select(c, r); err != nil || !r.OK {
				return
			}
			use(c)
			_ = back.Send(c, r.Value)
		}
	})
	allocs := 0.0
	require.NoError(t, s.Go(func(c *task.Ctx) {
		allocs = testing.AllocsPerRun(1000, func() {
			_ = there.Send(c, 1)
			use(c)
			_, _, _ = back.Recv(c)
		})
		there.Close()
	}).Wait())
	require.Less(t, allocs, 1.0)
}

// TestKeptWaiterGivesWay checks that a channel replaces the waiter it keeps for a task that no
// longer comes.
func TestKeptWaiterGivesWay(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	ch, end := NewChan[int](0), NewChan[int](0)
	var first, second *rt.Task
	a := s.Go(func(c *task.Ctx) {
		first = (*rt.Life)(c).Task()
		for range keepAfter + 1 {
			_, _, _ = ch.Recv(c)
		}
		_, _, _ = end.Recv(c) // keeps a alive, so that b gets a descriptor of its own
	})
	for range keepAfter + 1 {
		untilWaiting(&ch.mu, &ch.recvq, 1)
		require.True(t, ch.TrySend(0))
	}
	untilWaiting(&end.mu, &end.recvq, 1)
	require.Same(t, first, ch.kept[receiving].Load().of)
	const n = firstLimit + 5
	b := s.Go(func(c *task.Ctx) {
		second = (*rt.Life)(c).Task()
		for range n {
			_, _, _ = ch.Recv(c)
		}
	})
	for i := range n {
		untilWaiting(&ch.mu, &ch.recvq, 1)
		if i < firstLimit {
			require.Same(t, first, ch.kept[receiving].Load().of)
		}
		require.True(t, ch.TrySend(i))
	}
	require.NoError(t, b.Wait())
	require.Same(t, second, ch.kept[receiving].Load().of)
	end.Close()
	require.NoError(t, a.Wait())
}

// TestCaseKeepsItsSecondWaiter checks that a case gives back the waiter of its first wait, because
// it may be made for one select, and keeps that of its second.
func TestCaseKeepsItsSecondWaiter(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	ch := NewChan[int](0)
	x := ch.RecvCase()
	var kept []bool
	a := s.Go(func(c *task.Ctx) {
		for range 3 {
			_, _ = Select(c, x)
			kept = append(kept, x.use.w != nil)
			if x.use.sel != nil {
				panic("the case is still in use")
			}
		}
	})
	for range 3 {
		testkit.Spin(func() bool { return length(&ch.mu, &ch.recvq) == 1 || a.State() == task.Done })
		ch.TrySend(0)
	}
	require.NoError(t, a.Wait())
	require.Equal(t, []bool{false, true, true}, kept)
}

// A program may have a channel for each of its tasks.
func TestChanIsSmall(t *testing.T) {
	if !testkit.Race && !atomicx.Modelled {
		require.LessOrEqual(t, unsafe.Sizeof(Chan[int]{}), uintptr(144), "its size class")
	}
}

// A program that writes its select statement in a loop makes the cases each time.
func TestCasesAreSmall(t *testing.T) {
	require.LessOrEqual(t, unsafe.Sizeof(RecvCase[int]{}), uintptr(64), "the size class above 48")
	require.LessOrEqual(t, unsafe.Sizeof(SendCase[int]{}), uintptr(64), "the size class above 48")
}
