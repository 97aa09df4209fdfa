// Package fiberpool pools the idle fibers that the workers of a scheduler share, and ends those
// that no worker needs.
package fiberpool

import (
	"slices"
	"sync"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/fiber"
)

// MaxGoexits bounds how deep a fiber's stack gets by Goexits of tasks, at half a kilobyte each. A
// fiber that has seen so many has to be retired: nothing runs on it any more.
const MaxGoexits = 64

// A Pool holds idle fibers, each of which sleeps and returns when it sees fiber.Dying. A worker
// that needs a fiber gets the one that was put last. How many are superfluous is found by Review:
// as many as were idle at every moment since the Review before. Trim ends those.
//
// Any goroutine may call Made, CountMade, Get, Put and Retire, which hold a lock for a short time
// only. The others end fibers, so only an ordinary goroutine may call them: sysmon, or a test. The
// zero Pool is empty.
type Pool[S fiber.Sleeper] struct {
	made atomicx.Uint64

	mu      sync.Mutex
	idle    []S  // the last one in is the first one out
	retired []S  // nothing runs on them any more
	low     int  // the least number of idle fibers since the last review
	over    int  // how many of the oldest may be ended until the next review
	wanted  bool // a worker found none; the fibers that wait to be ended are to come back

	trimming sync.Mutex // held by the goroutine that ends fibers
	reaper   fiber.Reaper[S]
}

// CountMade counts a fiber that a worker has made, because Get found none.
func (p *Pool[S]) CountMade() { p.made.Add(1) }

// Made returns how many fibers were made so far.
func (p *Pool[S]) Made() uint64 { return p.made.Load() }

// Get returns an idle fiber, which the caller has to switch to, if there is one.
func (p *Pool[S]) Get() (s S, ok bool) {
	p.mu.Lock() // without a deferred Unlock, which needs more stack: the caller is about to park
	if n := len(p.idle); n == 0 {
		p.wanted = true
	} else {
		var none S
		s, p.idle[n-1] = p.idle[n-1], none
		p.idle = p.idle[:n-1]
		p.low = min(p.low, n-1)
		ok = true
	}
	p.mu.Unlock()
	return s, ok
}

// Put takes idle fibers, which sleep.
func (p *Pool[S]) Put(ss ...S) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, ss...)
}

// Retire takes a fiber that sleeps and on which nothing runs any more.
func (p *Pool[S]) Retire(s S) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retired = append(p.retired, s)
}

// Len returns how many fibers the pool has, those that wait to be ended included.
func (p *Pool[S]) Len() int {
	p.trimming.Lock()
	defer p.trimming.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle) + len(p.retired) + p.reaper.Len()
}

// Review finds what is superfluous: all idle fibers that were not needed since the last Review, or
// half of them. It returns how many fibers there are, and how many of them Trim may end.
func (p *Pool[S]) Review(all bool) (have, superfluous int) {
	p.trimming.Lock()
	defer p.trimming.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wanted {
		p.wanted = false
		p.takeBack()
	}
	if p.over = p.low; !all {
		p.over = (p.over + 1) / 2
	}
	p.low = len(p.idle)
	rest := len(p.retired) + p.reaper.Len()
	return len(p.idle) + rest, p.over + rest
}

// Superfluous reports whether Trim has anything to do.
func (p *Pool[S]) Superfluous() bool {
	p.trimming.Lock()
	defer p.trimming.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.most() > 0 || len(p.retired) > 0 || p.reaper.Len() > 0
}

// most is how many idle fibers Trim may end now. The caller holds mu.
func (p *Pool[S]) most() int { return min(p.over, p.low) }

// Trim ends up to most superfluous fibers and returns how many. A fiber that cannot be ended,
// because a task that waits sleeps in its slot, goes back to the pool.
//
// The fibers to be ended belong to the reaper alone. If the pool runs empty, they too go back, at
// the next call: until then workers make new ones.
func (p *Pool[S]) Trim(most int) (n int) {
	p.trimming.Lock()
	defer p.trimming.Unlock()
	p.mu.Lock()
	if p.wanted {
		p.wanted = false
		p.over = 0
		p.takeBack()
	}
	k := min(most, p.most())
	victims := append(slices.Clone(p.idle[:k]), p.retired...)
	clear(p.idle[:k])
	if p.idle = p.idle[k:]; len(p.idle) == 0 {
		p.idle = nil
	}
	p.retired = nil
	p.over -= k
	p.low -= k
	last := p.most() == 0
	p.mu.Unlock()

	p.reaper.Add(victims...)
	n, stuck := p.reaper.End(most)
	if stuck && last {
		p.mu.Lock()
		p.takeBack()
		p.mu.Unlock()
	}
	return n
}

// takeBack puts the reaper's fibers back into the pool, in front, because they have been idle for
// longest. The caller holds trimming and mu.
func (p *Pool[S]) takeBack() {
	var idle []S
	for _, s := range p.reaper.Left() {
		if s.Self().Goexits < MaxGoexits {
			idle = append(idle, s)
		} else {
			p.retired = append(p.retired, s)
		}
	}
	if idle != nil {
		p.idle = append(idle, p.idle...)
		p.low += len(idle) // as superfluous as before: the next review finds all of them at once
	}
}

// EndAll ends all fibers. No worker uses p any more.
func (p *Pool[S]) EndAll() {
	p.trimming.Lock()
	defer p.trimming.Unlock()
	p.takeBack()
	fiber.Reap(append(p.idle, p.retired...))
	p.idle, p.retired = nil, nil
}
