package offload

import (
	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// A blocker is one goroutine of a Pool, while it is idle. See the package comment for the steps.
type blocker struct {
	state atomicx.Uint32
	job   rt.Job        // passed on by S2 or S3
	wake  chan struct{} // of capacity 1; closed when it is to end
	polls bool          // it is the one that polls. The blocker's own

	used    bool // it has run a function, or is about to. Under Pool.mu
	counted bool // what it runs is counted in calls. Written by the goroutine that has taken it out, and by itself
	owed    bool // it is owed a P. Likewise
}

const (
	bkBlocked = iota // or about to block, or busy
	bkPolling
	bkGiven
)

// begin makes b polling or blocked, before others can take it out.
func (b *blocker) begin(polls bool) {
	if b.polls = polls; polls {
		b.state.Store(bkPolling)
	} else {
		b.state.Store(bkBlocked)
	}
}

// offer is S1 and S2. If it returns false the caller has to do S3.
func (b *blocker) offer(j rt.Job) bool {
	b.job = j
	return b.state.CompareAndSwap(bkPolling, bkGiven)
}

// given is a look of B1.
func (b *blocker) given() bool { return b.state.Load() == bkGiven }

// giveUp is B2. It reports false if there is a job.
func (b *blocker) giveUp() bool { return b.state.CompareAndSwap(bkPolling, bkBlocked) }
