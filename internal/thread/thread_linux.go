package thread

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// CanBind returns an error if the system cannot bind a thread to a CPU, and otherwise nil.
func CanBind() error { return nil }

// ID returns the kernel's number of the calling thread, or 0 on systems where this package does not
// know it.
func ID() int { return unix.Gettid() }

// OnFirst reports whether the caller runs on the thread with which the process began. It returns
// false on systems where this package cannot find out.
func OnFirst() bool { return ID() == unix.Getpid() }

// AllowedCPUs returns the CPUs that the calling thread may use, in order, or an error if this
// package cannot find out.
func AllowedCPUs() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("sched_getaffinity: %w", err)
	}
	var cpus []int
	for i := 0; len(cpus) < set.Count(); i++ {
		if set.IsSet(i) {
			cpus = append(cpus, i)
		}
	}
	if len(cpus) == 0 {
		return nil, errors.New("sched_getaffinity: no CPU is allowed")
	}
	return cpus, nil
}

// A Binding binds one thread to one CPU and can undo that. The zero Binding binds none.
type Binding struct {
	tid int
	all []int // what Undo allows
	on  bool
}

// Bind binds the calling thread to cpu, until Undo lets it use all. If b has bound a thread before,
// the caller has called Undo. If Bind returns an error, the thread is not bound.
//
// Undo does not go back to what the thread could use before. A thread that the Go runtime starts
// inherits the CPUs of the thread that starts it. That may be a bound one, which a worker has
// unlocked for the moment of a switch, and in that moment the runtime may take the worker off it.
// So the thread may have been bound to one CPU when its worker came to it.
func (b *Binding) Bind(cpu int, all []int) error {
	b.tid, b.all = ID(), all
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("sched_setaffinity to CPU %d: %w", cpu, err)
	}
	b.on = true
	return nil
}

// Undo lets the thread that b has bound use the CPUs that were named to Bind. Any thread may call
// it. If the thread has ended, Undo does nothing.
func (b *Binding) Undo() {
	if b.on {
		var set unix.CPUSet
		for _, cpu := range b.all {
			set.Set(cpu)
		}
		_ = unix.SchedSetaffinity(b.tid, &set)
		b.on = false
	}
}
