// Package wait is what waiting operations are built from. It finds the caller and watches the
// context that may end the wait, and a [Waiter] is one wait of a task or a goroutine. Packages
// task, tsync and scheduler use it. Users have task.Waiter, a small part of it.
package wait
