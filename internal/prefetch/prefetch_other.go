//go:build !amd64

package prefetch

// Of does nothing here.
func Of[T any](*T) {}

// Mark does nothing here.
func (p *Place) Mark() {}

// Here is false here.
func (p *Place) Here() bool { return false }

// Warm does nothing here.
func (p *Place) Warm() {}
