//go:build !amd64 || race

package prefetch

// Of does nothing here.
func Of[T any](*T) {}

// Mark does nothing here.
func (p *Place) Mark() {}

// Warm does nothing here.
func (p *Place) Warm(uintptr) {}
