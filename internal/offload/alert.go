package offload

import "github.com/heddle-go/heddle/internal/atomicx"

// An Alert says that a relief is to look for calls on the spot, and how often that was of use. See
// the package comment for the steps. Any goroutine may call its methods.
type Alert struct {
	raised atomicx.Bool
	skip   atomicx.Int64 // how many chances to raise it to leave out
	vain   atomicx.Int64 // how often in a row a relief was in vain, as far as mostVain
}

// Raise is P3. It reports whether the caller has to start a relief.
func (r *Alert) Raise() bool { return !r.raised.Load() && r.raised.CompareAndSwap(false, true) }

// Raised reports whether the alert is raised.
func (r *Alert) Raised() bool { return r.raised.Load() }

// Lower is A1.
func (r *Alert) Lower() { r.raised.Store(false) }

// Skips reports whether to leave this chance to raise it out.
func (r *Alert) Skips() bool {
	n := r.skip.Load()
	if n > 0 {
		r.skip.Store(n - 1)
	}
	return n > 0
}

// Went notes how a relief went.
func (r *Alert) Went(inVain bool) {
	var n int64
	if inVain {
		n = min(r.vain.Load()+1, mostVain)
	}
	r.vain.Store(n)
	r.skip.Store(1<<n - 1)
}

const mostVain = 6
