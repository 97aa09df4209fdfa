//go:build !linux

package thread

import (
	"errors"
	"runtime"
)

// CanBind returns an error if the system cannot bind a thread to a CPU, and otherwise nil.
func CanBind() error {
	return errors.New("binding threads to CPUs is not supported on " + runtime.GOOS)
}

// ID returns the kernel's number of the calling thread, or 0 on systems where this package does not
// know it.
func ID() int { return 0 }

// OnFirst reports whether the caller runs on the thread with which the process began. It returns
// false on systems where this package cannot find out.
func OnFirst() bool { return false }

// AllowedCPUs returns the CPUs that the calling thread may use, in order, or an error if this
// package cannot find out.
func AllowedCPUs() ([]int, error) { return nil, CanBind() }

// A Binding binds one thread to one CPU and can undo that. The zero Binding binds none.
type Binding struct{}

// Bind binds the calling thread to cpu, until Undo lets it use all. If b has bound a thread before,
// the caller has called Undo. If Bind returns an error, the thread is not bound.
func (b *Binding) Bind(cpu int, all []int) error { return CanBind() }

// Undo lets the thread that b has bound use the CPUs that were named to Bind. Any thread may call
// it. If the thread has ended, Undo does nothing.
func (b *Binding) Undo() {}
