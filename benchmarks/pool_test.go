package benchmarks

import (
	"sync"
	"sync/atomic"
)

// A pool is a worker pool as one writes it by hand: goroutines that take functions from a channel.
type pool struct {
	work chan func()
	wg   sync.WaitGroup
}

// newPool makes a pool in which up to queue functions wait. If more would wait, submit blocks.
func newPool(workers, queue int) *pool {
	p := &pool{work: make(chan func(), queue)}
	for range workers {
		p.wg.Go(func() {
			for f := range p.work {
				f()
			}
		})
	}
	return p
}

func (p *pool) submit(f func()) { p.work <- f }

// trySubmit submits f if there is room for it, and reports whether there was.
func (p *pool) trySubmit(f func()) bool {
	select {
	case p.work <- f:
		return true
	default:
		return false
	}
}

// stop returns when all functions have run and the goroutines have ended.
func (p *pool) stop() {
	close(p.work)
	p.wg.Wait()
}

// A counter counts the functions that have run.
type counter struct{ n atomic.Int64 }

func (c *counter) add() { c.n.Add(1) }
