//go:build !linux

package thread

import (
	"errors"
	"runtime"
)

// CanBind returns an error if the system has no call to bind a thread to a CPU.
func CanBind() error {
	return errors.New("binding threads to CPUs is not supported on " + runtime.GOOS)
}

// ID returns the kernel's number of the calling thread, or 0 on systems where this package does not
// know it.
func ID() int { return 0 }

// OnFirst reports whether the caller runs on the thread that the process began with. It reports
// false where that cannot be told.
func OnFirst() bool { return false }

// AllowedCPUs returns the CPUs that the calling thread may use, in order, or an error if the system
// does not tell.
func AllowedCPUs() ([]int, error) { return nil, CanBind() }

// A Binding binds one thread to one CPU and can undo that. The zero Binding binds none.
type Binding struct{}

// Bind binds the calling thread to cpu. The caller has undone what b bound before. If Bind returns
// an error, the thread is not bound.
func (b *Binding) Bind(cpu int) error { return CanBind() }

// Undo gives the thread that was bound its old CPUs back. Any thread may call it. A thread that has
// ended meanwhile needs none.
func (b *Binding) Undo() {}
