package rt

import "sync/atomic"

// A CallKind records whether the calls of one blocking function tend to be long. It only helps to
// choose how to make the next call, and a wrong choice does no harm. So its word is part of no
// protocol.
type CallKind struct{ long atomic.Int32 }

// LongCall is the least duration of a long call, in nanoseconds. It is several times what it costs
// to have a blocker make the call. On Linux the shortest sleep takes longer than LongCall, and a
// read from the file cache takes less.
const LongCall = 30_000

// One call that takes long says little, because the system may have taken the thread away during a
// short one. So a function counts as long after two long calls out of three.
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

// Held notes that a call held up its worker for so long that a relief took the worker over: see
// package offload.
func (k *CallKind) Held() { k.long.Store(mostLong) }
