package task

import (
	"golang.org/x/sys/cpu"

	"github.com/heddle-go/heddle/internal/atomicx"
)

// A memberCount says whether a group has members. Those who come and those who go are counted in words of their own, on
// cache lines of their own: while one worker adds members, others end them.
//
// Somebody who waits until there are none, under a lock, and one who goes:
//
//	waiter, under the lock           leaver
//	A1 set the bit watched in out    B1 add 2 to out; done if not watched
//	A2 none? load out, then in       B2 none? load out, then in; done if not
//	A3 if not, queue                 B3 under the lock: none, again? take all that are queued
//
// None is right: the number of those who went never exceeds that of those who came, and both only grow. So when out, loaded first,
// equals in, loaded later, they were equal when out was loaded, and there was nobody at that moment.
//
// Nobody waits for ever. Take the last of those who go. A1 and B1 change the same word. If B1 comes first, A2 follows it, sees all
// of them gone, and does not queue. If A1 comes first, the last one finds the bit and goes on to B2, where both words have their
// final values; it comes to B3, and that either before A1 took the lock, and then A2 sees what B1 did, or after A3.
//
// One that finds somebody else left at B2 may go: whoever that is has B1 still to come, and then B2.
type memberCount struct {
	_   cpu.CacheLinePad
	in  atomicx.Int64 // those who came
	_   cpu.CacheLinePad
	out atomicx.Int64 // those who went, times two, plus watched
	_   cpu.CacheLinePad
}

const watched = 1

// enter counts one who comes.
func (h *memberCount) enter() { h.in.Add(1) }

// leave counts one who goes (B1, B2). If it returns true, the caller has to look again under the lock (B3).
func (h *memberCount) leave() (last bool) { return h.out.Add(2)&watched != 0 && h.none() }

// none reports whether there was nobody at some moment during the call.
func (h *memberCount) none() bool {
	out := h.out.Load() >> 1
	return h.in.Load() == out
}

// watch has those who go look whether they are the last (A1). The caller holds the lock.
func (h *memberCount) watch() {
	if h.out.Load()&watched == 0 {
		h.out.Add(watched)
	}
}

// unwatch takes back watch. The caller holds the lock.
func (h *memberCount) unwatch() {
	if h.out.Load()&watched != 0 {
		h.out.Add(-watched)
	}
}
