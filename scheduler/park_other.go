//go:build !linux

package scheduler

import "github.com/heddle-go/heddle/internal/atomicx"

// A parker puts one worker to sleep. At most one goroutine parks at a time; any
// number may unpark. An unpark before the park makes that return at once.
type parker struct {
	ch chan struct{}
}

func (p *parker) init(bool) { p.ch = make(chan struct{}, 1) }

func (p *parker) park() {
	atomicx.Await("park", func() bool { return len(p.ch) > 0 })
	<-p.ch
}

func (p *parker) unpark() {
	select {
	case p.ch <- struct{}{}:
	default:
	}
}
