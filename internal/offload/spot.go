package offload

import "github.com/heddle-go/heddle/internal/atomicx"

// A Spot is a worker's word for calls on the spot. See the package comment for the steps.
type Spot struct {
	since atomicx.Int64 // when the task entered the call; 0: the worker is in no call, or was taken
	last  int64         // when the last call was entered. The worker's own
}

// Enter is the first half of E2, for a call at now. It returns a time that is no other call's of
// the worker. Only the worker may call it.
func (p *Spot) Enter(now int64) (since int64) {
	since = max(now, p.last+1)
	p.last = since
	p.since.Store(since) // from here on the worker, and p.last, may be the relief's
	return since
}

// Entered returns when the present call was entered, or 0.
func (p *Spot) Entered() int64 { return p.since.Load() }

// End is E4 or T1, for the call that was entered at since. It reports whether the caller has the
// worker now.
func (p *Spot) End(since int64) bool { return p.since.CompareAndSwap(since, 0) }
