package offload

import (
	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// A blocker is a goroutine of a Pool that runs jobs. The package comment has the steps by which an
// idle blocker gets a job.
type blocker struct {
	state atomicx.Uint32
	job   rt.Job        // the job that Job-S1 sets; Job-S2 or Job-S3 publishes it
	wake  chan struct{} // of capacity 1; trim closes it to end the blocker
	polls bool          // this is the blocker that polls; only its own goroutine touches it

	used bool // the blocker has run a function, or is about to; under Pool.mu
	// counted says that Pool.calls counts the job that the blocker runs. inReady says that
	// Config.Shared.ReadyGoroutines counts the blocker. The party that has taken the blocker out
	// writes both before it passes the job, and the blocker itself writes both afterwards.
	counted bool
	inReady bool
}

const (
	bkBlocked = iota // blocked, about to block, or busy
	bkPolling
	bkGiven
)

// begin sets the state of b to polling or blocked. The caller holds Pool.mu, so no party can take b
// out before.
func (b *blocker) begin(polls bool) {
	if b.polls = polls; polls {
		b.state.Store(bkPolling)
	} else {
		b.state.Store(bkBlocked)
	}
}

// offer is Job-S1 and Job-S2. If it returns false, the caller has to do Job-S3.
func (b *blocker) offer(j rt.Job) bool {
	b.job = j
	return b.state.CompareAndSwap(bkPolling, bkGiven)
}

// given is one poll of Job-B1. It reports whether b has got a job.
func (b *blocker) given() bool { return b.state.Load() == bkGiven }

// stopPolling is Job-B2. It returns false if b has got a job.
func (b *blocker) stopPolling() bool { return b.state.CompareAndSwap(bkPolling, bkBlocked) }
