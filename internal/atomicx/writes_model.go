//go:build heddle_model

package atomicx

import (
	"sync/atomic"
	"unsafe"

	"github.com/heddle-go/heddle/internal/explore"
)

// watcher is the function of WatchWrites, or nil.
var watcher atomic.Pointer[func(op string, word unsafe.Pointer)]

// WatchWrites makes every operation that writes a word or a mutex call f first, until stop is
// called. f gets the name of the operation, such as "Int64.Add", and the address of the word. A CAS
// or a TryLock counts as a write even if it fails, because the processor takes the cache line for
// itself before it compares. f is called on every goroutine that writes. It must not use words of
// this package. Only one watcher may be set at a time. WatchWrites panics if there is another.
//
// Only the build tag heddle_model has it, because a word of sync/atomic has no room for a hook.
func WatchWrites(f func(op string, word unsafe.Pointer)) (stop func()) {
	if !watcher.CompareAndSwap(nil, &f) {
		panic("atomicx: WatchWrites while another watcher is set: call its stop first")
	}
	return func() { watcher.Store(nil) }
}

// write is the scheduling point before an operation that writes.
func write(op string, word unsafe.Pointer) {
	explore.Point(op)
	note(op, word)
}

// note tells the watcher of a write.
func note(op string, word unsafe.Pointer) {
	if f := watcher.Load(); f != nil {
		(*f)(op, word)
	}
}
