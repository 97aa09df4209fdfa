//go:build heddle_model

package atomicx

import (
	"errors"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/explore"
)

func TestOperationsArePoints(t *testing.T) {
	_, failure := explore.Check(explore.Config{Preemptions: 1}, func(m *explore.Model) {
		var n Int64
		for _, name := range []string{"a", "b"} {
			m.Thread(name, func() { n.Store(n.Load() + 1) })
		}
		m.Check(func() error {
			if n.Load() != 2 {
				return errors.New("lost update")
			}
			return nil
		})
	})
	require.NotNil(t, failure)
	require.Contains(t, failure.Error(), "Int64.Store")
	require.Contains(t, failure.Error(), "atomicx_model_test.go:")
}

func TestMutexBlocksModelThreads(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: explore.Unbounded}, func(m *explore.Model) {
		var mu Mutex
		var n Int64
		for _, name := range []string{"a", "b"} {
			m.Thread(name, func() {
				mu.Lock()
				n.Store(n.Load() + 1)
				mu.Unlock()
			})
		}
		m.Check(func() error {
			if n.Load() != 2 {
				return errors.New("lost update")
			}
			return nil
		})
	})
}

func TestMutexDeadlockIsFound(t *testing.T) {
	_, failure := explore.Check(explore.Config{Preemptions: 1}, func(m *explore.Model) {
		var a, b Mutex
		both := 0
		m.Thread("ab", func() { a.Lock(); b.Lock(); both++; b.Unlock(); a.Unlock() })
		m.Thread("ba", func() { b.Lock(); a.Lock(); both++; a.Unlock(); b.Unlock() })
	})
	require.NotNil(t, failure)
	require.Equal(t, explore.Deadlock, failure.Kind)
	require.Contains(t, failure.Message, "ab in Mutex.Lock")
}

// A watcher sees each operation that writes, with the address of its word, and no load.
func TestWritesAreWatched(t *testing.T) {
	var (
		i32 Int32
		i64 Int64
		u32 Uint32
		u64 Uint64
		b   Bool
		p   Pointer[int]
		r   Relaxed[int]
		mu  Mutex
	)
	var got []string
	expect := func(ops ...string) {
		t.Helper()
		require.Equal(t, ops, got)
		got = nil
	}
	var at unsafe.Pointer
	stop := WatchWrites(func(op string, word unsafe.Pointer) {
		require.Equal(t, at, word, op)
		got = append(got, op)
	})
	defer stop()
	require.Panics(t, func() { WatchWrites(func(string, unsafe.Pointer) {}) })
	for _, w := range []struct {
		name string
		at   unsafe.Pointer
		all  func()
	}{
		{"Int32", unsafe.Pointer(&i32), func() { writeAll[int32](&i32) }},
		{"Int64", unsafe.Pointer(&i64), func() { writeAll[int64](&i64) }},
		{"Uint32", unsafe.Pointer(&u32), func() { writeAll[uint32](&u32) }},
		{"Uint64", unsafe.Pointer(&u64), func() { writeAll[uint64](&u64) }},
	} {
		at = w.at
		w.all()
		expect(w.name+".Store", w.name+".Swap", w.name+".CompareAndSwap", w.name+".Add",
			w.name+".And", w.name+".Or")
	}
	at = unsafe.Pointer(&b)
	b.Load()
	b.Store(true)
	b.Swap(true)
	b.CompareAndSwap(false, true)
	expect("Bool.Store", "Bool.Swap", "Bool.CompareAndSwap")
	at = unsafe.Pointer(&p)
	p.Load()
	p.Store(nil)
	p.Swap(nil)
	p.CompareAndSwap(nil, nil)
	expect("Pointer.Store", "Pointer.Swap", "Pointer.CompareAndSwap")
	at = unsafe.Pointer(&r)
	r.Load()
	r.Store(nil)
	expect("Pointer.Store")
	at = unsafe.Pointer(&mu)
	mu.Lock()
	mu.TryLock()
	mu.Unlock()
	expect("Mutex.Lock", "Mutex.TryLock", "Mutex.Unlock")
	stop()
	b.Store(true)
	require.Empty(t, got)
}

func writeAll[V int32 | int64 | uint32 | uint64](x integer[V]) {
	x.Load()
	x.Store(1)
	x.Swap(2)
	x.CompareAndSwap(1, 2)
	x.Add(1)
	x.And(1)
	x.Or(1)
}
