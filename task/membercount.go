package task

import (
	"golang.org/x/sys/cpu"

	"github.com/heddle-go/heddle/internal/atomicx"
)

// A memberCount counts the members of a group, because waiters need to know whether there are any.
// Members that enter and members that leave are counted in separate words, on separate cache lines,
// because one worker adds members while other workers end them.
//
// The Count protocol runs between a waiter, which waits under a lock until there are no members,
// and a leaver:
//
//	waiter, under the lock                   leaver
//	Count-A1 set the watched bit in out      Count-B1 add 2 to out; stop if watched is not set
//	Count-A2 any members? load out, then in  Count-B2 any members? load out, then in; stop if so
//	Count-A3 if so, queue                    Count-B3 under the lock: still none? wake all waiters
//
// A result of "no members" is right. The number of members that left never exceeds the number that
// entered, and both only grow. So if out, which is loaded first, equals in, which is loaded later,
// both were equal when out was loaded, and there were no members at that moment.
//
// No waiter waits for ever. Consider the last leaver. Count-A1 and Count-B1 change the same word,
// so one comes first. If Count-B1 comes first, Count-A2 follows it, sees that all members have
// left, and the waiter does not queue. If Count-A1 comes first, the last leaver finds the bit set
// and goes on to Count-B2, where both words have their final values, and from there to Count-B3.
// Count-B3 runs either before the waiter takes the lock, so that Count-A2 sees the effect of
// Count-B1, or after Count-A3, so that it finds the waiter in the queue.
//
// A leaver that sees other members at Count-B2 may stop, because each of them still has its own
// Count-B1 and Count-B2 to come.
type memberCount struct {
	_   cpu.CacheLinePad
	in  atomicx.Int64 // members that entered
	_   cpu.CacheLinePad
	out atomicx.Int64 // twice the number of members that left, plus watched
	_   cpu.CacheLinePad
}

const watched = 1

// enter counts a member that enters.
func (h *memberCount) enter() { h.in.Add(1) }

// leave counts a member that leaves (Count-B1, Count-B2). If it returns true, the caller must look
// again under the lock (Count-B3).
func (h *memberCount) leave() (last bool) { return h.out.Add(2)&watched != 0 && h.none() }

// none reports whether there were no members at some moment during the call.
func (h *memberCount) none() bool {
	out := h.out.Load() >> 1
	return h.in.Load() == out
}

// watch makes leavers check whether they are the last (Count-A1). The caller holds the lock.
func (h *memberCount) watch() {
	if h.out.Load()&watched == 0 {
		h.out.Add(watched)
	}
}

// unwatch undoes watch. The caller holds the lock.
func (h *memberCount) unwatch() {
	if h.out.Load()&watched != 0 {
		h.out.Add(-watched)
	}
}
