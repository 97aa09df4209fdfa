package wait

import (
	"sync"
	"sync/atomic"

	"github.com/heddle-go/heddle/internal/list"
	"github.com/heddle-go/heddle/internal/rt"
)

// A Pool keeps elements of type E, such as waiters, for later waits. E must embed list.Links[E] as
// its first field. The zero Pool is empty.
//
// Get is called on the stack of a task that is about to park, and should leave most of that stack
// to the task: see "Stacks" in ARCHITECTURE.md. The allocator and sync.Pool need much of it, so a
// worker asks them for many elements at a time.
type Pool[E any] struct {
	// Each worker keeps elements for its tasks, at its index. Only the task that runs on the worker
	// touches them. With sync.Pool alone a wait took 20 ns longer.
	workers [maxPools]struct {
		bundle[E]
		_ [64 - 2*8]byte
	}
	bundles sync.Pool   // each a *bundle that was too much for its worker
	bundled atomic.Bool // false if bundles is empty; it may be true as well then

	rest sync.Pool // single elements: those of goroutines, and of workers with a high index
}

// A bundle is what one worker keeps.
type bundle[E any] struct {
	free list.Stack[E]
	n    int
}

const (
	maxPools = 32 // how many workers keep elements
	// maxPooled is how many elements a worker keeps. If more tasks than that wait in turn, as in
	// BenchmarkChanFanIn, the task switch costs more than the access to bundles.
	maxPooled = 128
	// atATime is how many elements a worker allocates together. They are freed together as well.
	atATime = 8
)

// Get returns a new zero E, or one that was taken back. d is the task that calls, or nil if that is
// a goroutine.
func (p *Pool[E]) Get(d *rt.Task) *E {
	if d != nil {
		if i := d.Worker().Index; uint(i) < maxPools {
			s := &p.workers[i]
			if s.free.First == nil {
				p.fill(&s.bundle)
			}
			s.n--
			return s.free.Pop()
		}
	}
	if e, ok := p.rest.Get().(*E); ok {
		return e
	}
	return new(E)
}

// fill puts elements into the empty bundle s of a worker: those of another bundle, or new ones.
func (p *Pool[E]) fill(s *bundle[E]) {
	if p.bundled.Load() {
		if b, ok := p.bundles.Get().(*bundle[E]); ok {
			*s = *b
			return
		}
		p.bundled.Store(false)
	}
	es := new([atATime]E)
	for i := range es {
		s.free.Push(&es[i])
	}
	s.n = atATime
}

// Keep takes e back. e must be in no list, and no party may use it any more. d is the task that
// calls, or nil if that is a goroutine. Keep reports false, and has not taken e back, if d is nil
// or the worker of d keeps enough; the caller then calls Share. Keep and Share are two methods
// because each alone is inlined.
func (p *Pool[E]) Keep(d *rt.Task, e *E) bool {
	if d == nil {
		return false
	}
	i := d.Worker().Index
	if uint(i) >= maxPools || p.workers[i].n == maxPooled {
		return false
	}
	s := &p.workers[i]
	s.free.Push(e)
	s.n++
	return true
}

// Share takes back e, which Keep has refused. d is as for Keep.
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
	full := *s
	p.bundles.Put(&full)
	if !p.bundled.Load() {
		p.bundled.Store(true)
	}
	*s = bundle[E]{n: 1}
	s.free.Push(e)
}
