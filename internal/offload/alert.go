package offload

import "github.com/heddle-go/heddle/internal/atomicx"

// An Alert says that a relief has to look for calls on the spot. It also records whether reliefs
// were in vain lately, so that callers raise it more rarely. See the package comment for the steps.
// Any goroutine may call its methods.
type Alert struct {
	raised atomicx.Bool
	skip   atomicx.Int64 // how many of the next chances to raise the alert to leave out
	vain   atomicx.Int64 // how many reliefs in a row were in vain, at most mostVain
}

// Raise is the last part of Sleep-P3. It reports whether the caller has to start a relief; if not,
// the alert was raised already.
func (r *Alert) Raise() bool { return !r.raised.Load() && r.raised.CompareAndSwap(false, true) }

// Raised reports whether the alert is raised.
func (r *Alert) Raised() bool { return r.raised.Load() }

// Lower is Spot-A1.
func (r *Alert) Lower() { r.raised.Store(false) }

// Skips reports whether the caller should leave out this chance to raise the alert.
func (r *Alert) Skips() bool {
	n := r.skip.Load()
	if n > 0 {
		r.skip.Store(n - 1)
	}
	return n > 0
}

// Went notes whether a relief was in vain.
func (r *Alert) Went(inVain bool) {
	var n int64
	if inVain {
		n = min(r.vain.Load()+1, mostVain)
	}
	r.vain.Store(n)
	r.skip.Store(1<<n - 1)
}

const mostVain = 6
