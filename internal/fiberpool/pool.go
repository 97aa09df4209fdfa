// Package fiberpool pools the idle fibers that the workers of a scheduler share, and ends those
// that no worker needs.
package fiberpool

import (
	"slices"
	"sync"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/fiber"
)

// MaxGoexits bounds how deep a fiber's stack gets by Goexits of tasks, at half a kilobyte each. The
// caller has to retire a fiber that has seen so many: no task runs on it any more.
const MaxGoexits = 64

// A Pool holds idle fibers. Each of them sleeps, and returns when Fiber.Dying is true. A worker
// that needs a fiber gets the one that was put last. Review finds out how many fibers are
// superfluous: as many as were idle at every moment since the Review before. Trim ends these.
//
// Any goroutine may call Created, CountCreated, Get, Put and Retire, which hold a lock for a short
// time only. The other methods may end fibers, or wait for a method that does. So only an ordinary
// goroutine may call them: sysmon, or a test. The zero Pool is empty.
type Pool[S fiber.Sleeper] struct {
	created atomicx.Uint64

	mu      atomicx.Mutex
	idle    []S  // the last one in is the first one out
	retired []S  // no task runs on these fibers any more
	low     int  // the least number of idle fibers since the last Review
	surplus int  // how many of the oldest idle fibers Trim may end until the next Review
	wanted  bool // Get found none, so Review or Trim has to take back the fibers of the reaper

	trimming sync.Mutex // held by the goroutine that ends fibers
	reaper   fiber.Reaper[S]
}

// CountCreated counts a fiber that a worker has created, because Get found none.
func (p *Pool[S]) CountCreated() { p.created.Add(1) }

// Created returns how many fibers were created so far.
func (p *Pool[S]) Created() uint64 { return p.created.Load() }

// Get returns an idle fiber, which belongs to the caller then. If there is none, ok is false.
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

// Put adds idle fibers, which must sleep.
func (p *Pool[S]) Put(ss ...S) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, ss...)
}

// Retire takes a sleeping fiber on which no task will run any more. Trim ends it.
func (p *Pool[S]) Retire(s S) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retired = append(p.retired, s)
}

// Len returns the number of fibers of the pool. It counts the fibers that Trim has yet to end.
func (p *Pool[S]) Len() int {
	p.trimming.Lock()
	defer p.trimming.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle) + len(p.retired) + p.reaper.Len()
}

// Review finds the superfluous fibers: all idle fibers that no worker has needed since the last
// Review or, if all is false, half of them. It returns the number of fibers of the pool, and how
// many of them Trim may end.
func (p *Pool[S]) Review(all bool) (have, superfluous int) {
	p.trimming.Lock()
	defer p.trimming.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wanted {
		p.wanted = false
		p.takeBack()
	}
	if p.surplus = p.low; !all {
		p.surplus = (p.surplus + 1) / 2
	}
	p.low = len(p.idle)
	rest := len(p.retired) + p.reaper.Len()
	return len(p.idle) + rest, p.surplus + rest
}

// Superfluous reports whether Trim has anything to do.
func (p *Pool[S]) Superfluous() bool {
	p.trimming.Lock()
	defer p.trimming.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.most() > 0 || len(p.retired) > 0 || p.reaper.Len() > 0
}

// most returns how many idle fibers Trim may end now. The caller holds mu.
func (p *Pool[S]) most() int { return min(p.surplus, p.low) }

// Trim ends up to most superfluous fibers and returns how many it has ended. It cannot end a fiber
// while a waiting task sleeps in the slot of that fiber. In the end such fibers go back to the idle
// ones.
//
// The fibers that Trim has yet to end belong to the reaper, and Get does not see them. If Get finds
// no idle fiber, they go back at the next Trim or Review. Until then workers make new fibers.
func (p *Pool[S]) Trim(most int) (n int) {
	p.trimming.Lock()
	defer p.trimming.Unlock()
	p.mu.Lock()
	if p.wanted {
		p.wanted = false
		p.surplus = 0
		p.takeBack()
	}
	k := min(most, p.most())
	victims := append(slices.Clone(p.idle[:k]), p.retired...)
	clear(p.idle[:k])
	if p.idle = p.idle[k:]; len(p.idle) == 0 {
		p.idle = nil
	}
	p.retired = nil
	p.surplus -= k
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
		p.low += len(idle) // they are still superfluous, so the next Review finds all of them
	}
}

// EndAll ends all fibers. No worker uses p any more.
func (p *Pool[S]) EndAll() {
	p.trimming.Lock()
	defer p.trimming.Unlock()
	p.takeBack()
	// The caller may be locked to its thread, as the first goroutine of a program with a window is.
	// The Go runtime ends the process if such a goroutine switches to a fiber. So another one does.
	done := make(chan struct{})
	go func() {
		defer close(done)
		fiber.Reap(append(p.idle, p.retired...))
	}()
	<-done
	p.idle, p.retired = nil, nil
}
