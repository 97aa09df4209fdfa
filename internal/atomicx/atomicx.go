//go:build !heddle_model

package atomicx

import (
	"sync"
	"sync/atomic"
)

// Modelled reports whether the atomic words of this build call the schedule explorer.
const Modelled = false

// Exploring reports whether the schedule explorer is running a model.
func Exploring() bool { return false }

// These are the words of sync/atomic, under the same names.
type (
	Bool   = atomic.Bool
	Int32  = atomic.Int32
	Int64  = atomic.Int64
	Uint32 = atomic.Uint32
	Uint64 = atomic.Uint64
)

// Pointer is atomic.Pointer.
type Pointer[T any] = atomic.Pointer[T]

// Mutex is sync.Mutex.
type Mutex = sync.Mutex

// Await does nothing in this build. A caller calls it before an operation that waits, for example a
// receive. ready reports whether that operation would go through at once. With the build tag
// heddle_model, the schedule explorer holds the thread until ready returns true.
func Await(what string, ready func() bool) {}
