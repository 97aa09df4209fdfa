// Package label takes the profiler labels off goroutines that serve many tasks.
//
// A goroutine gets the labels of the one that starts it, and keeps what is set on it. Package pprof can
// replace labels but not tell whether there are any without a context, and replacing them after each task
// costs more than looking. The two functions of the Go runtime that are linked to here are what pprof itself
// calls; the runtime keeps their names and types for users such as this one (go.dev/issue/67401).
package label

import "unsafe"

//go:linkname get runtime/pprof.runtime_getProfLabel
func get() unsafe.Pointer

//go:linkname set runtime/pprof.runtime_setProfLabel
func set(labels unsafe.Pointer)

// Clear takes the labels off the calling goroutine. Without labels, that is a load and a branch.
func Clear() {
	if get() != nil {
		set(nil)
	}
}
