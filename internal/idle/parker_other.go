//go:build !linux

package idle

import "github.com/heddle-go/heddle/internal/atomicx"

// A Parker puts one worker to sleep, on this system by a channel. Init prepares it. At most one
// goroutine parks at a time; any number may unpark. If Unpark comes first, the next Park returns at
// once.
type Parker struct {
	ch chan struct{}
}

// Init prepares p. fixed says that its worker stays locked to its thread while it sleeps.
func (p *Parker) Init(fixed bool) { p.ch = make(chan struct{}, 1) }

// Park blocks the calling goroutine until Unpark.
func (p *Parker) Park() {
	atomicx.Await("park", func() bool { return len(p.ch) > 0 })
	<-p.ch
}

// Unpark wakes the worker that sleeps in Park, or lets the next Park return at once. It does not
// wait.
func (p *Parker) Unpark() {
	select {
	case p.ch <- struct{}{}:
	default:
	}
}
