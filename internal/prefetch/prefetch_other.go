//go:build !amd64 || race

package prefetch

// Of does nothing in this build.
func Of[T any](*T) {}

// Mark does nothing in this build.
func (p *Place) Mark() {}

// Warm does nothing in this build.
func (p *Place) Warm(uintptr) {}
