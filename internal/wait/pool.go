package wait

import (
	"sync"

	"github.com/heddle-go/heddle/internal/list"
	"github.com/heddle-go/heddle/internal/rt"
)

// A Pool keeps elements of type E for the waits to come: waiters, mostly. E must embed list.Links[E] as its first
// field. The zero Pool is empty.
type Pool[E any] struct {
	// What tasks have used is kept by the worker, as its index says; its running task alone touches it. With sync.Pool
	// a wait took 20 ns longer.
	workers [maxPools]struct {
		free list.Stack[E]
		n    int
		_    [64 - 2*8]byte
	}
	rest sync.Pool // what goroutines have used, and what the workers have too many of
}

const (
	maxPools  = 32  // how many workers keep elements
	maxPooled = 128 // how many they keep: of more tasks that wait in turn (BenchmarkChanFanIn) the switch is dearer
)

// Get returns a zero E or one that was put back. d is the task that calls, or nil if that is a goroutine.
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

// Keep takes e back, which is in no list and which no party uses any more, for d, the task that calls. It reports false if
// d is nil or its worker has enough; then the caller calls Share. The two are not one method so that they are inlined.
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

// Share takes back what Keep has not.
func (p *Pool[E]) Share(e *E) { p.rest.Put(e) }
