package wait

import (
	"sync"

	"github.com/heddle-go/heddle/internal/list"
	"github.com/heddle-go/heddle/internal/rt"
)

// A Pool keeps elements of type E, such as waiters, for later waits. E must embed list.Links[E] as
// its first field. The zero Pool is empty.
type Pool[E any] struct {
	// Each worker keeps elements for its tasks, at its index. Only the task that runs on the worker
	// touches them. With sync.Pool alone a wait took 20 ns longer.
	workers [maxPools]struct {
		free list.Stack[E]
		n    int
		_    [64 - 2*8]byte
	}
	rest sync.Pool // elements that the workers have too many of; goroutines take from here
}

const (
	maxPools = 32 // how many workers keep elements
	// maxPooled is how many elements a worker keeps. If more tasks than that wait in turn, as in
	// BenchmarkChanFanIn, the task switch costs more than the access to rest.
	maxPooled = 128
)

// Get returns a new zero E, or one that was taken back. d is the task that calls, or nil if that is
// a goroutine.
func (p *Pool[E]) Get(d *rt.Task) *E {
	if d != nil {
		if i := d.Worker().Index; uint(i) < maxPools {
			s := &p.workers[i]
			if e := s.free.Pop(); e != nil {
				s.n--
				return e
			}
		}
	}
	if e, ok := p.rest.Get().(*E); ok {
		return e
	}
	return new(E)
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

// Share takes back e, which Keep has refused.
func (p *Pool[E]) Share(e *E) { p.rest.Put(e) }
