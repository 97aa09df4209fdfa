package scheduler

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

func pinningSupported(Pinning) error { return nil }

// threadID returns the kernel's number of the calling thread.
func threadID() int { return unix.Gettid() }

// onFirstThread reports whether the caller runs on the thread that the process began with.
func onFirstThread() bool { return threadID() == unix.Getpid() }

// allowedCPUs returns the CPUs that the calling thread may use, in order.
func allowedCPUs() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("scheduler: sched_getaffinity: %w", err)
	}
	var cpus []int
	for i := 0; len(cpus) < set.Count(); i++ {
		if set.IsSet(i) {
			cpus = append(cpus, i)
		}
	}
	if len(cpus) == 0 {
		return nil, errors.New("scheduler: sched_getaffinity: no CPU is allowed")
	}
	return cpus, nil
}

// A binding binds one thread to one CPU and can undo that.
type binding struct {
	tid int
	old unix.CPUSet
	on  bool
}

// bind binds the calling thread to cpu.
func (b *binding) bind(cpu int) error {
	b.tid = threadID()
	if err := unix.SchedGetaffinity(0, &b.old); err != nil {
		return fmt.Errorf("scheduler: sched_getaffinity: %w", err)
	}
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("scheduler: sched_setaffinity to CPU %d: %w", cpu, err)
	}
	b.on = true
	return nil
}

// undo gives the thread that was bound its old mask back, from any thread. A
// thread that has ended meanwhile needs none.
func (b *binding) undo() {
	if b.on {
		_ = unix.SchedSetaffinity(b.tid, &b.old)
		b.on = false
	}
}
