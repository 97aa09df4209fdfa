package wait

import (
	"sync"
	"sync/atomic"

	"github.com/heddle-go/heddle/internal/rt"
)

// A Pool keeps elements of type E, such as waiters, for later waits. The zero Pool is empty.
//
// A task that is about to park calls Get on its own stack, so Get should use little of that stack:
// see "Stacks" in ARCHITECTURE.md. The allocator and sync.Pool use much. So many elements are taken
// from them at a time, and kept for the worker. When Get has taken the last one, it asks the worker
// to get more when that is on its own stack, before it makes the next fiber.
type Pool[E any] struct {
	// workers holds what each worker keeps for its tasks, at rt.Worker.Index. Only the task that
	// runs on the worker touches its bundle. With sync.Pool alone a wait took 20 ns longer.
	workers [maxPools]struct {
		bundle[E]
		asked bool           // the worker will call Provide
		_     [64 - 5*8]byte // fills a cache line
	}
	bundles sync.Pool   // of full *bundles, which their workers gave away
	bundled atomic.Bool // bundles may have one. A race may hide a bundle until the next Share

	rest sync.Pool // single elements: those of goroutines, and of workers with a high index
}

// A bundle is what one worker keeps: free[:n]. The other elements of free are nil, and so is free
// before the first use; otherwise its length is maxPooled.
//
// A list through the elements would save free. But elements are allocated in groups. If one of a
// group is in use, it would keep the lists of the others in memory, and through their groups almost
// all elements that there ever were.
type bundle[E any] struct {
	free []*E
	n    int
}

const (
	maxPools = 32 // only workers with a smaller Index keep elements
	// maxPooled is how many elements a worker keeps. If more tasks than that wait in turn, as in
	// BenchmarkChanFanIn, Get and Share use bundles more often, but that costs less than the task
	// switch.
	maxPooled = 128
	// atATime is how many elements a worker allocates together, as one object. So the garbage
	// collector also frees them together.
	atATime = 8
)

// Get returns a new zero E, or one that Keep or Share took back. d is the calling task, or nil if
// the caller is an ordinary goroutine.
func (p *Pool[E]) Get(d *rt.Task) *E {
	if d != nil {
		if i := d.Worker().Index; uint(i) < maxPools {
			s := &p.workers[i]
			if s.n == 0 {
				p.fill(&s.bundle)
			}
			s.n--
			e := s.free[s.n]
			s.free[s.n] = nil
			if s.n == 0 && !s.asked {
				s.asked = true
				d.Worker().AskFor(p)
			}
			return e
		}
	}
	if e, ok := p.rest.Get().(*E); ok {
		return e
	}
	return new(E)
}

// Provide implements rt.Provider.
func (p *Pool[E]) Provide(w *rt.Worker, fill bool) {
	s := &p.workers[w.Index]
	s.asked = false
	if fill && s.n == 0 {
		p.fill(&s.bundle)
	}
}

// fill fills the empty bundle s of a worker with the elements of a bundle from p.bundles, or with
// new ones.
func (p *Pool[E]) fill(s *bundle[E]) {
	if p.bundled.Load() {
		if b, ok := p.bundles.Get().(*bundle[E]); ok {
			*s = *b
			return
		}
		p.bundled.Store(false)
	}
	if s.free == nil {
		s.free = make([]*E, maxPooled)
	}
	es := new([atATime]E)
	for i := range es {
		s.free[i] = &es[i]
	}
	s.n = atATime
}

// Keep takes e back. e must be in no list, and no party may use it any more. d is as for Get. If d
// is nil, or the worker of d keeps enough or has a high Index, Keep does not take e back and
// returns false; then the caller calls Share. Keep and Share are two methods, because Keep is
// inlined, and a method that does both would not be.
func (p *Pool[E]) Keep(d *rt.Task, e *E) bool {
	if d == nil {
		return false
	}
	i := d.Worker().Index
	if uint(i) >= maxPools {
		return false
	}
	s := &p.workers[i]
	if s.n == len(s.free) {
		return false
	}
	s.free[s.n] = e
	s.n++
	return true
}

// Share takes back e, which Keep has just refused. d is as for Get.
func (p *Pool[E]) Share(d *rt.Task, e *E) {
	i := -1
	if d != nil {
		i = d.Worker().Index
	}
	if uint(i) >= maxPools {
		p.rest.Put(e)
		return
	}
	s := &p.workers[i].bundle
	if full := *s; full.n != 0 {
		p.bundles.Put(&full)
		if !p.bundled.Load() {
			p.bundled.Store(true)
		}
	}
	*s = bundle[E]{free: make([]*E, maxPooled), n: 1}
	s.free[0] = e
}
