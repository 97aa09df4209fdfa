package rt

import "github.com/heddle-go/heddle/internal/fiber"

// Current returns the task that the caller runs as, or nil if it is none: an ordinary goroutine, or the function of a blocking
// call, also of one that is made on the task's own stack. It costs some nanoseconds; any goroutine may call it.
//
// A fiber's Data is the task whose function is on its stack; the fiber itself writes and reads it. While the function of a call on the
// spot runs there, the task is on no worker (E1 in package scheduler's spot.go).
func Current() *Task {
	if f := fiber.Current(); f != nil {
		if d := (*Task)(f.Data); d != nil && d.running() {
			return d
		}
	}
	return nil
}

// Inside returns the task whose function is on the calling goroutine's stack, or nil. It is Current for callers to which a blocking call
// on the spot is a part of the task.
func Inside() *Task {
	if f := fiber.Current(); f != nil {
		return (*Task)(f.Data)
	}
	return nil
}

// IsCurrent reports whether the caller runs as d, as far as two loads and the caller's goroutine tell: it is false too if d has lent
// itself to another goroutine, as task.Pull does. It is for operations that take nanoseconds; Current knows.
func (d *Task) IsCurrent() bool {
	w := d.worker.Load()
	if w.Current.Load() != d {
		return false
	}
	f := w.Fib.Load()
	return f != nil && f.IsCurrent()
}

// MayEnter reports whether the caller runs as d, as IsCurrent does, and neither a yield nor a cancellation is asked of d. It repeats
// IsCurrent because a call of it is a tenth of what a buffered channel takes for an item.
func (d *Task) MayEnter() bool {
	w := d.worker.Load()
	if w.Current.Load() != d {
		return false
	}
	f := w.Fib.Load()
	return f != nil && f.IsCurrent() && !d.Poll() && !d.Status().Cancelled()
}
