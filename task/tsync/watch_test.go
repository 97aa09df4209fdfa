//go:build !heddle_model

package tsync

import (
	"context"
	"math"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// Watched locks exclude as others do, whichever way they are taken, by tasks and by goroutines, and
// also if watching begins and ends in between.
func TestWatchedLocksExclude(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(2), scheduler.WithWaits())
	require.NoError(t, err)
	defer s.Close()
	var (
		m     Mutex
		rw    RWMutex
		keyed KeyedMutex[int]
		sem   = NewSemaphore(1)
		sum   [4]int
	)
	n := 2000
	if testing.Short() {
		n = 200
	}
	ways := []func(i int){
		func(i int) {
			if i%3 > 0 || !m.TryLock() {
				m.Lock()
			}
			sum[0]++
			m.Unlock()
		},
		func(i int) {
			if i%3 == 0 {
				rw.RLock()
				_ = sum[1]
				rw.RUnlock()
			}
			if i%3 > 0 || !rw.TryLock() {
				rw.Lock()
			}
			sum[1]++
			rw.Unlock()
		},
		func(i int) {
			if i%3 > 0 || !keyed.TryLock(0) {
				keyed.Lock(0)
			}
			sum[2]++
			keyed.Unlock(0)
		},
		func(i int) {
			if i%3 > 0 || !sem.TryAcquire(1) {
				_ = sem.Acquire(t.Context(), 1)
			}
			sum[3]++
			sem.Release(1)
		},
	}
	var all sync.WaitGroup
	for _, way := range ways {
		for range 2 {
			all.Add(2)
			s.Go(func(*task.Ctx) {
				defer all.Done()
				for i := range n {
					way(i)
				}
			})
			go func() {
				defer all.Done()
				for i := range n {
					way(i)
				}
			}()
		}
	}
	for range n { // beside the scheduler's own, so that locks stay watched
		rt.Watch(1)
		rt.Watch(-1)
	}
	all.Wait()
	require.Equal(t, [4]int{4 * n, 4 * n, 4 * n, 4 * n}, sum)
}

// A lock that was taken while locks were watched, and is unlocked when they no longer are, is as
// new. One that was taken before shows no holder.
func TestLocksWatchedForAWhile(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Go(func(c *task.Ctx) {
		var m, before Mutex
		var rw, read RWMutex
		me := handleOf((*rt.Life)(c).Task())
		before.Lock()
		rt.Watch(1)
		require.Zero(t, (*notedMutex)(&before).Holder(), "it was locked before")
		before.Unlock()
		m.Lock()
		rw.Lock()
		read.RLock()
		require.Equal(t, me, (*notedMutex)(&m).Holder())
		require.False(t, m.tryNoted(), "it was free when the caller looked")
		require.Equal(t, me, (*notedWrites)(&rw).Holder())
		require.Equal(t, me, (*notedWrites)(&read).Holder())
		read.RLock()
		require.Equal(t, me, (*notedWrites)(&read).Holder(), "it has locked twice")
		read.RUnlock()
		require.Equal(t, me, (*notedWrites)(&read).Holder(), "it has locked once more than it unlocked")
		elsewhere(read.RLock)
		require.Zero(t, (*notedWrites)(&read).Holder(), "there are two")
		read.RUnlock()
		require.Zero(t, (*notedWrites)(&read).Holder(), "it is not known which one is left")
		read.RLock()
		require.Zero(t, (*notedWrites)(&read).Holder(), "there are two again")
		elsewhere(read.RUnlock)
		read.RUnlock()
		require.Zero(t, (*notedWrites)(&read).Holder(), "it is free")
		read.RLock()
		rt.Watch(-1)
		elsewhere(read.RLock)
		rt.Watch(1)
		read.RUnlock()
		require.Zero(t, (*notedWrites)(&read).Holder(), "another one locked it when nobody watched")
		elsewhere(read.RUnlock)
		read.RLock()
		rt.Watch(-1)
		m.Unlock()
		rw.Unlock()
		read.RUnlock()
		require.Zero(t, m.state.Load())
		require.Zero(t, rw.state.Load())
		require.Zero(t, read.state.Load())
		require.Zero(t, (*notedMutex)(&m).Holder())
		require.Zero(t, (*notedWrites)(&rw).Holder())
	}).Wait())
}

// A reader that waited behind a writer, and gets in because the writer gives up when locks are no
// longer watched, has no known holder.
func TestReaderAdmittedUnwatched(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Go(func(c *task.Ctx) {
		var rw RWMutex
		waiting := func(q *queue[struct{}]) func() bool {
			return func() bool {
				rw.mu.Lock()
				defer rw.mu.Unlock()
				return q.First != nil
			}
		}
		rt.Watch(1)
		rw.RLock()
		ctx, cancel := context.WithCancel(context.Background())
		var others sync.WaitGroup
		others.Go(func() { assert.ErrorIs(t, rw.LockContext(ctx), context.Canceled) })
		testkit.Until(t, "the writer waits", waiting(&rw.writeq))
		others.Go(rw.RLock)
		testkit.Until(t, "the reader waits", waiting(&rw.readq))
		require.NotZero(t, (*notedWrites)(&rw).Holder())
		rt.Watch(-1)
		cancel()
		others.Wait()
		rt.Watch(1)
		rw.RUnlock()
		require.Zero(t, (*notedWrites)(&rw).Holder())
		rt.Watch(-1)
		rw.RUnlock()
		require.Zero(t, rw.state.Load())
	}).Wait())
}

// elsewhere calls f on a new goroutine and waits for it.
func elsewhere(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

// The units of a semaphore have a holder while one call has taken all of them that are in use.
func TestWatchedSemaphore(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1), scheduler.WithWaits())
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Go(func(c *task.Ctx) {
		me := handleOf((*rt.Life)(c).Task())
		sem := NewSemaphore(3)
		holder := (*notedSemaphore)(sem).Holder
		require.Zero(t, holder())
		require.NoError(t, sem.Acquire(c, 2))
		require.Equal(t, me, holder())
		require.True(t, sem.TryAcquire(0))
		require.Equal(t, me, holder(), "the other call holds no units")
		require.True(t, sem.TryAcquire(1))
		require.Zero(t, holder(), "two calls hold units")
		sem.Release(1)
		require.Zero(t, holder(), "it is not known which call's unit was given back")
		sem.Release(2)
		require.Zero(t, holder())
		require.NoError(t, sem.Acquire(c, 2))
		sem.Release(1)
		require.Zero(t, holder(), "some of them were given back")
		large := NewSemaphore(math.MaxInt64)
		require.NoError(t, large.Acquire(c, 1))
		require.Equal(t, me, (*notedSemaphore)(large).Holder(), "however large it is")
		require.True(t, large.TryAcquire(math.MaxInt64-1))
		require.False(t, large.TryAcquire(1))
	}).Wait())
}

// A note that a task left in a semaphore does not name it as the holder of units that others took
// when locks were no longer watched.
func TestSemaphoreWatchedForAWhile(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	sem := NewSemaphore(3)
	holder := (*notedSemaphore)(sem).Holder
	require.NoError(t, s.Go(func(c *task.Ctx) {
		rt.Watch(1)
		require.NoError(t, sem.Acquire(c, 2))
		require.Equal(t, handleOf((*rt.Life)(c).Task()), holder())
		rt.Watch(-1)
		sem.Release(2)
	}).Wait())
	require.True(t, sem.TryAcquire(2))
	require.Zero(t, holder(), "this goroutine holds them")
	sem.Release(2)
}

// Watching must cost a Mutex no memory: an entry of a KeyedMutex fills 64 bytes.
func TestSizeOfMutex(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) == 8 {
		require.LessOrEqual(t, unsafe.Sizeof(keyed{}), uintptr(64))
	}
}
