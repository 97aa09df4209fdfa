package atomicx

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// integer holds the methods that Int32, Int64, Uint32 and Uint64 share in both builds.
type integer[V any] interface {
	Load() V
	Store(V)
	Swap(V) V
	CompareAndSwap(old, new V) bool
	Add(V) V
	And(V) V
	Or(V) V
}

func testInteger[V int32 | int64 | uint32 | uint64](t *testing.T, x integer[V]) {
	x.Store(5)
	require.Equal(t, V(5), x.Load())
	require.Equal(t, V(5), x.Swap(6))
	require.False(t, x.CompareAndSwap(5, 7))
	require.True(t, x.CompareAndSwap(6, 7))
	require.Equal(t, V(9), x.Add(2))
	require.Equal(t, V(9), x.And(8))
	require.Equal(t, V(8), x.Or(1))
	require.Equal(t, V(9), x.Load())
}

func TestWords(t *testing.T) {
	testInteger[int32](t, new(Int32))
	testInteger[int64](t, new(Int64))
	testInteger[uint32](t, new(Uint32))
	testInteger[uint64](t, new(Uint64))

	var b Bool
	b.Store(true)
	require.True(t, b.Load())
	require.True(t, b.Swap(false))
	require.False(t, b.CompareAndSwap(true, false))
	require.True(t, b.CompareAndSwap(false, true))

	var p Pointer[string]
	s := "s"
	require.Nil(t, p.Load())
	p.Store(&s)
	require.Same(t, &s, p.Swap(nil))
	require.True(t, p.CompareAndSwap(nil, &s))
	require.False(t, p.CompareAndSwap(nil, &s))
	require.Same(t, &s, p.Load())
}

func TestMutexExcludes(t *testing.T) {
	var mu Mutex
	var wg sync.WaitGroup
	n := 0
	for range 4 {
		wg.Go(func() {
			for range 100 {
				mu.Lock()
				n++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	require.Equal(t, 400, n)
	require.True(t, mu.TryLock())
	require.False(t, mu.TryLock())
	mu.Unlock()
}
