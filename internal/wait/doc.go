// Package wait is what operations that wait are built from: the caller, what ends the wait, and [Waiter], one wait of a task or a
// goroutine. Packages task, tsync and scheduler use it; users have task.Waiter, a small part of it.
package wait
