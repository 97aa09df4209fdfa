package thread

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// CanBind returns an error if the system has no call to bind a thread to a CPU.
func CanBind() error { return nil }

// ID returns the kernel's number of the calling thread, or 0 on systems where this package does not
// know it.
func ID() int { return unix.Gettid() }

// OnFirst reports whether the caller runs on the thread that the process began with. It reports
// false where that cannot be told.
func OnFirst() bool { return ID() == unix.Getpid() }

// AllowedCPUs returns the CPUs that the calling thread may use, in order, or an error if the system
// does not tell.
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
	old unix.CPUSet
	on  bool
}

// Bind binds the calling thread to cpu. The caller has undone what b bound before. If Bind returns
// an error, the thread is not bound.
func (b *Binding) Bind(cpu int) error {
	b.tid = ID()
	if err := unix.SchedGetaffinity(0, &b.old); err != nil {
		return fmt.Errorf("sched_getaffinity: %w", err)
	}
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("sched_setaffinity to CPU %d: %w", cpu, err)
	}
	b.on = true
	return nil
}

// Undo gives the thread that was bound its old CPUs back. Any thread may call it. A thread that has
// ended meanwhile needs none.
func (b *Binding) Undo() {
	if b.on {
		_ = unix.SchedSetaffinity(b.tid, &b.old)
		b.on = false
	}
}
