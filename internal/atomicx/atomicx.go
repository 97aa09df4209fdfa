//go:build !heddle_model

package atomicx

import (
	"sync"
	"sync/atomic"
)

// Modelled says whether the words are those of the schedule explorer.
const Modelled = false

// Exploring reports whether the schedule explorer is at work.
func Exploring() bool { return false }

// The words that sync/atomic offers, under the same names.
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

// Await does nothing. It stands before an operation that waits, for example a receive, and says when that will go through:
// with the tag heddle_model, the schedule explorer holds the thread until ready reports true.
func Await(what string, ready func() bool) {}
