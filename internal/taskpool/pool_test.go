package taskpool

import (
	"context"
	"runtime"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heddle-go/heddle/internal/rt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newPool() *Pool {
	p := new(Pool)
	p.Init(&rt.Worker{})
	return p
}

// takeAll takes n descriptors, which have to differ.
func takeAll(t *testing.T, l *List, p *Pool, x *rt.Extra, n int) (ds []*rt.Task) {
	t.Helper()
	seen := map[*rt.Task]bool{}
	for range n {
		d := l.Take(p, x)
		require.False(t, seen[d], "it is taken already")
		seen[d] = true
		ds = append(ds, d)
	}
	return ds
}

// Two chunks do not share a cache line, and the descriptors of one do not either.
func TestDescriptorsAreAligned(t *testing.T) {
	const line = 64
	require.EqualValues(t, line, unsafe.Sizeof(rt.Task{}))
	require.EqualValues(t, 4096-8, unsafe.Sizeof(chunk{}), "with 8 bytes of the allocator it fills a size class")
	p := newPool()
	for _, d := range takeAll(t, new(List), p, nil, 3*batchSize) {
		require.Zero(t, uintptr(unsafe.Pointer(d))%line)
	}
}

// What one list puts back another takes, by way of the pool.
func TestDescriptorsServeAgain(t *testing.T) {
	p := newPool()
	var a, b List
	const n = 5 * batchSize
	ds := takeAll(t, &a, p, nil, n)
	used := map[*rt.Task]bool{}
	for _, d := range ds {
		used[d] = true
		a.Put(p, d)
		require.LessOrEqual(t, a.Len(), 2*batchSize)
	}
	require.Equal(t, n, p.Free()+a.Len())
	require.Positive(t, p.Free())
	for _, d := range takeAll(t, &b, p, nil, p.Free()) {
		require.True(t, used[d], "a new descriptor although the pool has free ones")
	}
	require.Zero(t, p.Free())
}

// A task under a context has a descriptor that has not served, or, if the context has no values,
// one that has served only such tasks.
func TestContextsGetFreshDescriptors(t *testing.T) {
	p := newPool()
	var l List
	used := map[*rt.Task]bool{}
	for _, d := range takeAll(t, &l, p, nil, 4*batchSize) {
		used[d] = true
		l.Put(p, d)
	}
	x := &rt.Extra{Owner: context.Background()}
	require.True(t, x.HasContext())
	for _, d := range takeAll(t, &l, p, x, 4*batchSize) {
		require.False(t, used[d])
		used[d] = true
	}
	bare := rt.NewShared(context.Background(), true, false)
	serves := map[*rt.Task]bool{}
	for _, d := range takeAll(t, &l, p, bare, 4*batchSize) {
		require.False(t, used[d])
		serves[d] = true
		d.Start("fn", bare)
		_, free := d.Finish(rt.Returned)
		require.True(t, free)
		l.Put(p, d)
		require.Nil(t, d.Extra())
	}
	var other List
	for _, d := range takeAll(t, &other, p, bare, 2*batchSize) {
		require.True(t, serves[d], "a new descriptor although the pool has some that have served")
	}
	require.LessOrEqual(t, l.Len(), 4*batchSize)
	for _, d := range takeAll(t, &l, p, nil, 4*batchSize) {
		require.False(t, serves[d])
	}
}

// Trim drops what was free all the time since the last call, and no more.
func TestTrimDropsWhatWasNotNeeded(t *testing.T) {
	p := newPool()
	var l List
	for _, d := range takeAll(t, &l, p, nil, 10*batchSize) {
		l.Put(p, d)
	}
	require.Equal(t, 8*batchSize, p.Free(), "two batches stay in the list")
	n, more := p.Trim(true)
	require.Zero(t, n, "there were none at the beginning")
	require.True(t, more)
	l = List{}
	takeAll(t, &l, p, nil, 3*batchSize)
	n, more = p.Trim(false)
	require.Equal(t, 3, n, "half of the five that were never taken")
	require.True(t, more)
	n, more = p.Trim(true)
	require.Equal(t, 2, n)
	require.False(t, more)
	require.Zero(t, p.Free())
}

// All visits the descriptors of all chunks that are alive. Pointers to others are dropped.
func TestAllVisitsAll(t *testing.T) {
	p := newPool()
	var l List
	const chunks = 1000
	for range chunks {
		l = List{}
		l.Take(p, nil) // nothing keeps it
	}
	runtime.GC()
	ds := takeAll(t, &l, p, nil, 4*batchSize)
	left := map[*rt.Task]bool{}
	for _, d := range ds {
		left[d] = true
	}
	visits := 0
	for d := range p.All() {
		visits++
		delete(left, d)
	}
	require.Empty(t, left)
	require.Less(t, visits, chunks*batchSize)
	for range chunks {
		l = List{}
		l.Take(p, nil)
		runtime.GC()
		if len(p.chunks) < chunks/2 {
			break
		}
	}
	require.Less(t, len(p.chunks), chunks/2, "pointers to chunks that are gone")
	runtime.KeepAlive(ds)
}

// A task under a context never takes a descriptor that serves other tasks, although some are free.
func TestTasksUnderContextsHaveChunksOfTheirOwn(t *testing.T) {
	p := newPool()
	var l List
	l.Put(p, l.Take(p, nil))
	free := len(l.free)
	takeAll(t, &l, p, &rt.Extra{Owner: context.Background()}, 2*batchSize)
	require.Len(t, l.free, free)
}
