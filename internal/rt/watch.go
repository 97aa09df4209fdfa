//go:build !heddle_model

package rt

import (
	"sync"

	"github.com/heddle-go/heddle/internal/atomicx"
)

// A lock usually does not know which task holds it, because to find that out costs as much as to
// take the lock. While any scheduler of the process watches locks, all locks note their holders.
// The fast path of a lock pays nothing for that: it expects the word [Free] where it would expect 0
// otherwise. While locks are watched, no word of a lock equals Free, so every fast path fails, and
// the slow path takes notes.
//
// A goroutine may have read Free just before a scheduler began to watch locks, and then takes its
// lock by the fast path. That lock has no note until it is next taken, and readers of notes can
// tell that.
var (
	watch struct {
		mu sync.Mutex
		n  int // schedulers that watch locks
	}
	free atomicx.RelaxedUint32 // 0 or unused
)

// unused is a bit that no word of a lock has set.
const unused = 1 << 31

// Free returns the word that the fast path of a lock expects in a free lock.
func Free() uint32 { return free.Load() }

// Watched reports whether locks note their holders.
func Watched() bool { return free.Load() != 0 }

// Watch adds n to the number of schedulers that watch locks.
func Watch(n int) {
	watch.mu.Lock()
	defer watch.mu.Unlock()
	watch.n += n
	if watch.n > 0 {
		free.Store(unused)
	} else {
		free.Store(0)
	}
}
