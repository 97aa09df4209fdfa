//go:build !amd64 || race

package prefetch

// Of does nothing in this build.
func Of[T any](*T) {}

// NoteStack does nothing in this build.
func (p *Place) NoteStack() {}

// Warm does nothing in this build.
func (p *Place) Warm(uintptr) {}
