package rt

import "sync/atomic"

// A CallKind is what is known of the calls of one function that blocks: whether they are long. It
// decides only how the next one is made, so its words are no part of any protocol.
type CallKind struct{ long atomic.Int32 }

// LongCall is what a call takes at least to be long, in nanoseconds: some times what it costs to
// make it elsewhere. On Linux the shortest sleep is longer, and a read from the file cache is
// shorter.
const LongCall = 30_000

// The system may take the thread away from a short call, so one that takes long says little: it
// needs two of them within three.
const (
	fewLong  = 2
	mostLong = 3
)

// Long reports whether the next call will probably be long.
func (k *CallKind) Long() bool { return k.long.Load() >= fewLong }

// Took notes that a call took ns.
func (k *CallKind) Took(ns int64) {
	switch v := k.long.Load(); {
	case ns >= LongCall:
		if v < mostLong {
			k.long.Store(v + 1)
		}
	case v > 0:
		k.long.Store(v - 1)
	}
}

// Held notes that a call has been holding up others for so long that another goroutine took its
// worker over.
func (k *CallKind) Held() { k.long.Store(mostLong) }
