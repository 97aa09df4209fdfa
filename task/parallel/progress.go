package parallel

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heddle-go/heddle/task"
)

// A progress counts the elements that are done, and shows the count from time to time.
type progress struct {
	total int
	every time.Duration
	show  func(done, total int)

	done atomic.Uint64 // may be more than an int holds: see ForRange
	next atomic.Int64  // when to show the count again, in nanoseconds since epoch
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

// add counts n elements, and returns how long show took. A step of the task c calls it at a grain's
// end.
func (p *progress) add(c *task.Ctx, n int) (took time.Duration) {
	if p == nil {
		return 0
	}
	p.done.Add(uint64(n))
	now, next := int64(time.Since(epoch)), p.next.Load()
	if now < next || !p.next.CompareAndSwap(next, now+int64(p.every)) {
		return 0
	}
	// If the lock is taken, the next call of add shows the count. Waiting for the lock here could
	// hold up a worker.
	if p.mu.TryLock() {
		defer p.mu.Unlock()
		if done := int(min(p.done.Load(), math.MaxInt)); done < p.total && done > p.last {
			p.last = done
			begin := clock(c)
			p.show(done, p.total)
			return clock(c) - begin
		}
	}
	return 0
}

// end shows that all elements are done. No step may call add any more.
func (p *progress) end() {
	if p != nil {
		p.show(p.total, p.total)
	}
}

var epoch = time.Now()
