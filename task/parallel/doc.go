// Package parallel is fork-join parallelism on heddle's tasks: calls that cost a few
// nanoseconds to fork, and algorithms over slices built on them.
package parallel
