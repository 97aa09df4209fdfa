package parallel

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// A progress counts elements that are done and shows the count now and then.
type progress struct {
	total int
	every time.Duration
	show  func(done, total int)

	done atomic.Uint64 // may be more than an int holds: see ForRange
	next atomic.Int64  // when to show it again, in nanoseconds since start
	mu   sync.Mutex    // held while show runs; guards last
	last int
}

func newProgress(o options, total int) *progress {
	if o.show == nil {
		return nil
	}
	p := &progress{total: total, every: o.every, show: o.show}
	p.next.Store(int64(time.Since(epoch) + p.every))
	return p
}

// add counts n elements. Called at grain boundaries.
func (p *progress) add(n int) {
	if p == nil {
		return
	}
	p.done.Add(uint64(n))
	now, next := int64(time.Since(epoch)), p.next.Load()
	if now < next || !p.next.CompareAndSwap(next, now+int64(p.every)) {
		return
	}
	// Who does not get the lock leaves the news to the next one. A lock must not be waited for here, where that
	// would hold a worker.
	if p.mu.TryLock() {
		defer p.mu.Unlock()
		if done := int(min(p.done.Load(), math.MaxInt)); done < p.total && done > p.last {
			p.last = done
			p.show(done, p.total)
		}
	}
}

// end shows that all is done. Called when nobody else adds any more.
func (p *progress) end() {
	if p != nil {
		p.show(p.total, p.total)
	}
}

var epoch = time.Now()
