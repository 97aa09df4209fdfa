package tsync

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

func TestKeyedMutexWithoutWaiting(t *testing.T) {
	var k KeyedMutex[string]
	require.True(t, k.TryLock("a"))
	require.False(t, k.TryLock("a"))
	k.Lock("b")
	require.NoError(t, k.LockContext(bg, "c"), "another key is held up")
	requirePanics(t, "Unlock of a key of a KeyedMutex that is not locked", func() { k.Unlock("d") })
	for _, key := range []string{"a", "b", "c"} {
		k.Unlock(key)
		requirePanics(t, "Unlock of a key of a KeyedMutex that is not locked", func() { k.Unlock(key) })
	}
	ended, cancel := context.WithCancelCause(bg)
	cancel(errStop)
	require.ErrorIs(t, k.LockContext(ended, "a"), errStop)
	require.Empty(t, k.keys)
}

// TestKeyedMutexKeys checks that Lock refuses a key that cannot be hashed or found again, and
// leaves nothing behind.
func TestKeyedMutexKeys(t *testing.T) {
	var k KeyedMutex[any]
	for _, f := range []func(key any){k.Lock, func(key any) { k.TryLock(key) }, func(key any) { _ = k.LockContext(bg, key) }} {
		requirePanics(t, "hash", func() { f([]int{}) })
		requirePanics(t, "does not equal itself", func() { f(math.NaN()) })
	}
	requirePanics(t, "hash", func() { k.Unlock([]int{}) })
	require.Empty(t, k.keys)
	k.Lock(1)
	k.Lock("1")
	require.Len(t, k.keys, 2)
}

// TestKeyedMutexExcludes checks that one caller at a time holds a key, also while other callers
// give up.
func TestKeyedMutexExcludes(t *testing.T) {
	each(t, func(w *world) {
		const keys = 3
		var k KeyedMutex[int]
		n := scale(300)
		var inside, sum [keys]int
		for u := range 20 {
			w.start(func(ctx context.Context) {
				for i := range n {
					key := (i + u) % keys
					switch i % 4 {
					case 0:
						k.Lock(key)
					case 1:
						for !k.TryLock(key) {
							yield(ctx)
						}
					case 2:
						short, stop := context.WithCancelCause(ctx)
						go stop(errStop)
						if k.LockContext(short, key) != nil {
							k.Lock(key)
						}
						stop(nil)
					default:
						w.check(k.LockContext(ctx, key) == nil, "Lock")
					}
					inside[key]++
					w.check(inside[key] == 1, "%d inside", inside[key])
					if i%10 == 0 {
						yield(ctx)
					}
					inside[key]--
					sum[key]++
					k.Unlock(key)
				}
			})
		}
		w.wait()
		require.Equal(w.t, 20*n, sum[0]+sum[1]+sum[2])
		require.Empty(w.t, k.keys)
	})
}

// TestKeyedMutexFIFO checks that tasks get a key in the order in which they wait, and that the last
// one frees the entry.
func TestKeyedMutexFIFO(t *testing.T) {
	each(t, func(w *world) {
		var k KeyedMutex[int]
		require.True(w.t, k.TryLock(7))
		m := &k.keys[7].m
		var got []int
		for i := range 6 {
			w.start(func(ctx context.Context) {
				k.Lock(7)
				got = append(got, i)
				k.Unlock(7)
			})
			untilWaiting(&m.mu, &m.queue, i+1)
		}
		k.Unlock(7)
		w.wait()
		require.Equal(w.t, []int{0, 1, 2, 3, 4, 5}, got)
		require.Empty(w.t, k.keys)
	})
}

// TestKeyedMutexGivesBack checks that keys that are no longer locked take no memory.
func TestKeyedMutexGivesBack(t *testing.T) {
	var k KeyedMutex[int]
	const n = 10_000
	for key := range n {
		k.Lock(key)
	}
	require.Len(t, k.keys, n)
	for key := range n - 1 {
		k.Unlock(key)
		require.False(t, k.TryLock(n-1), "a key was lost when the map was replaced")
	}
	require.Less(t, k.peak, largeMap, "the map is still that of %d keys", k.peak)
	k.Unlock(n - 1)
	require.LessOrEqual(t, k.spare, maxSpare)
	require.Empty(t, k.keys)
}

func TestKeyedMutexDoesNotAllocate(t *testing.T) {
	if atomicx.Modelled {
		t.Skip("the explorer's mutexes allocate")
	}
	var k KeyedMutex[int]
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	allocs := 0.0
	require.NoError(t, s.Go(func(c *task.Ctx) {
		key := 0
		allocs = testing.AllocsPerRun(1000, func() {
			for range maxSpare {
				key++
				_ = k.LockContext(c, key)
			}
			for i := range maxSpare {
				k.Unlock(key - i)
			}
		})
	}).Wait())
	require.Less(t, allocs, 1.0)
}
