// Package engine runs tasks on a pool of workers. Package scheduler is its face: it has the
// documentation, makes a [Config] from options, and its methods call those of [Scheduler].
//
// ARCHITECTURE.md lists the files in the order of their calls ("Map"). A worker's day is in run.go,
// loop.go, find.go, switch.go, end.go and sleep.go.
package engine
