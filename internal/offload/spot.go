package offload

import "github.com/heddle-go/heddle/internal/atomicx"

// A Spot is the word by which a task in a call on the spot and a relief decide which of them has
// the worker. Each worker has one. See the package comment for the steps.
type Spot struct {
	since atomicx.Int64 // when the task entered the call; 0: no call, or a relief has the worker
	last  int64         // when the last call was entered; only the worker touches it
}

// Enter is the first half of Spot-E2, for a call at time now. It returns the time of the call,
// which no other call of the worker has. Only the worker may call it.
func (p *Spot) Enter(now int64) (since int64) {
	since = max(now, p.last+1)
	p.last = since
	p.since.Store(since) // from here on a relief may own the worker, and with it p.last
	return since
}

// Entered returns the time of the present call, or 0 if there is none or a relief has the worker.
func (p *Spot) Entered() int64 { return p.since.Load() }

// End is Spot-E4 or Spot-T1, for the call that was entered at since. It reports whether the caller
// has the worker now.
func (p *Spot) End(since int64) bool { return p.since.CompareAndSwap(since, 0) }
