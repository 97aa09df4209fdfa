package tsync

import (
	"context"
	"reflect"
	"slices"
	"sync/atomic"

	"github.com/heddle-go/heddle/internal/rt"
)

// usage decides when the channel replaces the waiter that it keeps for one task by a waiter for
// another task.
type usage struct {
	// misses counts the waits by other tasks since the last wait by the task that owns the kept
	// waiter. When misses exceeds limit, the next task that waits gets a kept waiter in place of
	// that one.
	misses, limit uint16 // misses may overflow, which only delays the next replacement
}

// keepAfter is the number of waits after which a channel starts to keep a waiter. A channel that is
// used only a few times is not worth the memory.
const keepAfter = 16

// firstLimit is usage.limit while the first task's waiter is kept. The limit doubles at each
// replacement, up to lastLimit, so that a few hundred tasks that take turns, as in
// BenchmarkChanFanIn, do not replace the waiter again and again.
const (
	firstLimit = 256
	lastLimit  = 1 << 15
)

// pools holds a pool for each element type of a channel at which a caller has waited. A program has
// few such types, and a channel looks for its pool only once. So poolOf searches the list from its
// beginning. Rejected: a map. Its lookup takes more of the stack than a task that is about to park
// should need: see ARCHITECTURE.md, "Stacks".
var pools atomic.Pointer[[]typedPool]

type typedPool struct {
	elem reflect.Type
	pool any // a *pool[T]
}

func poolOf[T any]() *pool[T] {
	t := reflect.TypeFor[T]()
	old := pools.Load()
	if old != nil {
		for i := range *old {
			if (*old)[i].elem == t {
				return (*old)[i].pool.(*pool[T])
			}
		}
	}
	return addPool[T](t, old)
}

//go:noinline
func addPool[T any](t reflect.Type, old *[]typedPool) *pool[T] {
	p := new(pool[T])
	var list []typedPool
	if old != nil {
		list = slices.Clone(*old)
	}
	list = append(list, typedPool{t, p})
	if !pools.CompareAndSwap(old, &list) {
		return poolOf[T]()
	}
	return p
}

// waiter returns a waiter for a wait by d, or by a goroutine if d is nil, in the direction dir. own
// says that ctx is d's own Ctx.
//
// The channel keeps a waiter in each direction for one task: at first for the task whose wait was
// the first after keepAfter others. So in the usual case, one task at each end, no wait takes a
// waiter from the pool. If d is the task of the kept waiter, that waiter is free, because a task
// that calls is not waiting. If other tasks have waited more than usage.limit times since, the
// channel keeps a waiter for the next of them instead. Only a wait under the task's own Ctx uses a
// kept waiter. The end of another context may come late, and must not find the task's next wait.
//
// waiter is not compiled into its callers, because their frames stay on the stack while the task is
// parked.
//
//go:noinline
func (ch *Chan[T]) waiter(ctx context.Context, d *rt.Task, dir direction, own bool) *waiter[T] {
	u := &ch.usage[dir]
	if own {
		if w := ch.kept[dir].Load(); w != nil && w.of == d {
			u.misses = 0
			return w // w is prepared already, because all its waits are of the same kind
		}
	}
	ch.pairing.n = 0
	if ch.pool == nil {
		ch.pool = poolOf[T]()
	}
	u.misses++
	if own && u.misses > max(u.limit, keepAfter) {
		u.misses, u.limit = 0, min(max(2*u.limit, firstLimit), lastLimit)
		w := &waiter[T]{at: ch, of: d, index: uint16(dir)}
		w.Prepare(ctx, d)
		w.Reason = waitReasons[dir]
		ch.kept[dir].Store(w)
		return w
	}
	w := ch.pool.take(ctx, d, ch)
	w.Reason = waitReasons[dir]
	return w
}

var waitReasons = [...]rt.WaitReason{receiving: rt.WaitRecv, sending: rt.WaitSend}

// withdraw implements owner.
//
//lint:ignore U1000 it is called through owner[T], which the check does not follow
func (ch *Chan[T]) withdraw(w *waiter[T]) bool {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return w.Leave() || w.of != nil && ch.unpublish(w)
}
