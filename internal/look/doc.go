// Package look has what tasks and workers note for people to read, and reads it: the state of each
// task, deadlocks, dumps, the profile of waits, the last dispatches of a worker, the stacks of
// running tasks, and the places in the program. It knows the tasks' descriptors, and nothing of
// workers and schedulers.
package look
