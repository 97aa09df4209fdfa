//go:build race

package prefetch

import "sync/atomic"

// Of does nothing here.
func Of[T any](*T) {}

// Mark notes the calling goroutine as the one of p. Here may read p meanwhile, hence the atomic store.
func (p *Place) Mark() {
	_, g := here()
	atomic.StoreUintptr(&p.g, g)
}

// Here reports whether the caller is the goroutine of p, as in other builds, because what depends on it has to be tested
// under the race detector too.
func (p *Place) Here() bool {
	_, g := here()
	return atomic.LoadUintptr(&p.g) == g
}

// Warm does nothing here.
func (p *Place) Warm() {}
