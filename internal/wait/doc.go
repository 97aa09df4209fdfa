// Package wait has the parts of operations that wait. [Enter] finds the caller, [Watch] watches the
// context that may end the wait, and a [Waiter] is one wait of a task or a goroutine. Packages
// task, tsync and scheduler use it. Users have task.Waiter, a small part of it.
package wait
