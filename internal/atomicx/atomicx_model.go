//go:build heddle_model

package atomicx

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/heddle-go/heddle/internal/explore"
)

// Modelled reports whether the atomic words of this build call the schedule explorer.
const Modelled = true

// Exploring reports whether the schedule explorer is running a model.
func Exploring() bool { return explore.Active() }

// Int32 is atomic.Int32 with a scheduling point before each operation.
type Int32 struct{ v atomic.Int32 }

// Load is atomic.Int32.Load.
func (x *Int32) Load() int32 {
	explore.Point("Int32.Load")
	return x.v.Load()
}

// Store is atomic.Int32.Store.
func (x *Int32) Store(val int32) {
	write("Int32.Store", unsafe.Pointer(x))
	x.v.Store(val)
}

// Swap is atomic.Int32.Swap.
func (x *Int32) Swap(new int32) (old int32) {
	write("Int32.Swap", unsafe.Pointer(x))
	return x.v.Swap(new)
}

// CompareAndSwap is atomic.Int32.CompareAndSwap.
func (x *Int32) CompareAndSwap(old, new int32) (swapped bool) {
	write("Int32.CompareAndSwap", unsafe.Pointer(x))
	return x.v.CompareAndSwap(old, new)
}

// Add is atomic.Int32.Add.
func (x *Int32) Add(delta int32) (new int32) {
	write("Int32.Add", unsafe.Pointer(x))
	return x.v.Add(delta)
}

// And is atomic.Int32.And.
func (x *Int32) And(mask int32) (old int32) {
	write("Int32.And", unsafe.Pointer(x))
	return x.v.And(mask)
}

// Or is atomic.Int32.Or.
func (x *Int32) Or(mask int32) (old int32) {
	write("Int32.Or", unsafe.Pointer(x))
	return x.v.Or(mask)
}

// Int64 is atomic.Int64 with a scheduling point before each operation.
type Int64 struct{ v atomic.Int64 }

// Load is atomic.Int64.Load.
func (x *Int64) Load() int64 {
	explore.Point("Int64.Load")
	return x.v.Load()
}

// Store is atomic.Int64.Store.
func (x *Int64) Store(val int64) {
	write("Int64.Store", unsafe.Pointer(x))
	x.v.Store(val)
}

// Swap is atomic.Int64.Swap.
func (x *Int64) Swap(new int64) (old int64) {
	write("Int64.Swap", unsafe.Pointer(x))
	return x.v.Swap(new)
}

// CompareAndSwap is atomic.Int64.CompareAndSwap.
func (x *Int64) CompareAndSwap(old, new int64) (swapped bool) {
	write("Int64.CompareAndSwap", unsafe.Pointer(x))
	return x.v.CompareAndSwap(old, new)
}

// Add is atomic.Int64.Add.
func (x *Int64) Add(delta int64) (new int64) {
	write("Int64.Add", unsafe.Pointer(x))
	return x.v.Add(delta)
}

// And is atomic.Int64.And.
func (x *Int64) And(mask int64) (old int64) {
	write("Int64.And", unsafe.Pointer(x))
	return x.v.And(mask)
}

// Or is atomic.Int64.Or.
func (x *Int64) Or(mask int64) (old int64) {
	write("Int64.Or", unsafe.Pointer(x))
	return x.v.Or(mask)
}

// Uint32 is atomic.Uint32 with a scheduling point before each operation.
type Uint32 struct{ v atomic.Uint32 }

// Load is atomic.Uint32.Load.
func (x *Uint32) Load() uint32 {
	explore.Point("Uint32.Load")
	return x.v.Load()
}

// Store is atomic.Uint32.Store.
func (x *Uint32) Store(val uint32) {
	write("Uint32.Store", unsafe.Pointer(x))
	x.v.Store(val)
}

// Swap is atomic.Uint32.Swap.
func (x *Uint32) Swap(new uint32) (old uint32) {
	write("Uint32.Swap", unsafe.Pointer(x))
	return x.v.Swap(new)
}

// CompareAndSwap is atomic.Uint32.CompareAndSwap.
func (x *Uint32) CompareAndSwap(old, new uint32) (swapped bool) {
	write("Uint32.CompareAndSwap", unsafe.Pointer(x))
	return x.v.CompareAndSwap(old, new)
}

// Add is atomic.Uint32.Add.
func (x *Uint32) Add(delta uint32) (new uint32) {
	write("Uint32.Add", unsafe.Pointer(x))
	return x.v.Add(delta)
}

// And is atomic.Uint32.And.
func (x *Uint32) And(mask uint32) (old uint32) {
	write("Uint32.And", unsafe.Pointer(x))
	return x.v.And(mask)
}

// Or is atomic.Uint32.Or.
func (x *Uint32) Or(mask uint32) (old uint32) {
	write("Uint32.Or", unsafe.Pointer(x))
	return x.v.Or(mask)
}

// Uint64 is atomic.Uint64 with a scheduling point before each operation.
type Uint64 struct{ v atomic.Uint64 }

// Load is atomic.Uint64.Load.
func (x *Uint64) Load() uint64 {
	explore.Point("Uint64.Load")
	return x.v.Load()
}

// Store is atomic.Uint64.Store.
func (x *Uint64) Store(val uint64) {
	write("Uint64.Store", unsafe.Pointer(x))
	x.v.Store(val)
}

// Swap is atomic.Uint64.Swap.
func (x *Uint64) Swap(new uint64) (old uint64) {
	write("Uint64.Swap", unsafe.Pointer(x))
	return x.v.Swap(new)
}

// CompareAndSwap is atomic.Uint64.CompareAndSwap.
func (x *Uint64) CompareAndSwap(old, new uint64) (swapped bool) {
	write("Uint64.CompareAndSwap", unsafe.Pointer(x))
	return x.v.CompareAndSwap(old, new)
}

// Add is atomic.Uint64.Add.
func (x *Uint64) Add(delta uint64) (new uint64) {
	write("Uint64.Add", unsafe.Pointer(x))
	return x.v.Add(delta)
}

// And is atomic.Uint64.And.
func (x *Uint64) And(mask uint64) (old uint64) {
	write("Uint64.And", unsafe.Pointer(x))
	return x.v.And(mask)
}

// Or is atomic.Uint64.Or.
func (x *Uint64) Or(mask uint64) (old uint64) {
	write("Uint64.Or", unsafe.Pointer(x))
	return x.v.Or(mask)
}

// Bool is atomic.Bool with a scheduling point before each operation.
type Bool struct{ v atomic.Bool }

// Load is atomic.Bool.Load.
func (x *Bool) Load() bool {
	explore.Point("Bool.Load")
	return x.v.Load()
}

// Store is atomic.Bool.Store.
func (x *Bool) Store(val bool) {
	write("Bool.Store", unsafe.Pointer(x))
	x.v.Store(val)
}

// Swap is atomic.Bool.Swap.
func (x *Bool) Swap(new bool) (old bool) {
	write("Bool.Swap", unsafe.Pointer(x))
	return x.v.Swap(new)
}

// CompareAndSwap is atomic.Bool.CompareAndSwap.
func (x *Bool) CompareAndSwap(old, new bool) (swapped bool) {
	write("Bool.CompareAndSwap", unsafe.Pointer(x))
	return x.v.CompareAndSwap(old, new)
}

// Pointer is atomic.Pointer with a scheduling point before each operation.
type Pointer[T any] struct{ v atomic.Pointer[T] }

// Load is atomic.Pointer.Load.
func (x *Pointer[T]) Load() *T {
	explore.Point("Pointer.Load")
	return x.v.Load()
}

// Store is atomic.Pointer.Store.
func (x *Pointer[T]) Store(val *T) {
	write("Pointer.Store", unsafe.Pointer(x))
	x.v.Store(val)
}

// Swap is atomic.Pointer.Swap.
func (x *Pointer[T]) Swap(new *T) (old *T) {
	write("Pointer.Swap", unsafe.Pointer(x))
	return x.v.Swap(new)
}

// CompareAndSwap is atomic.Pointer.CompareAndSwap.
func (x *Pointer[T]) CompareAndSwap(old, new *T) (swapped bool) {
	write("Pointer.CompareAndSwap", unsafe.Pointer(x))
	return x.v.CompareAndSwap(old, new)
}

// Await is a scheduling point that returns when ready returns true; see atomicx.go. Outside an
// exploration it does nothing.
func Await(what string, ready func() bool) { explore.Block(what, ready) }

// Mutex is sync.Mutex with a scheduling point before each operation. In an exploration Lock
// disables the model thread until the mutex is free, so that the explorer reports a deadlock by
// name instead of hanging in it.
type Mutex struct{ mu sync.Mutex }

// Lock is sync.Mutex.Lock.
func (m *Mutex) Lock() {
	// Only one model thread runs at a time, so a mutex that Block has found free is still free at
	// the next line.
	explore.Block("Mutex.Lock", m.free)
	note("Mutex.Lock", unsafe.Pointer(m))
	m.mu.Lock()
}

// TryLock is sync.Mutex.TryLock.
func (m *Mutex) TryLock() bool {
	write("Mutex.TryLock", unsafe.Pointer(m))
	return m.mu.TryLock()
}

// Unlock is sync.Mutex.Unlock.
func (m *Mutex) Unlock() {
	write("Mutex.Unlock", unsafe.Pointer(m))
	m.mu.Unlock()
}

func (m *Mutex) free() bool {
	if !m.mu.TryLock() {
		return false
	}
	m.mu.Unlock()
	return true
}
