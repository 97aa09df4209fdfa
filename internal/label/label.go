// Package label removes profiler labels from goroutines that serve many tasks.
//
// A goroutine inherits the labels of the goroutine that starts it, and keeps the labels that are
// set on it. Without a context, package pprof can replace labels but not tell whether there are
// any, and replacing them after each task costs more than looking. This package links to the two
// functions of the Go runtime that pprof itself calls. The runtime keeps their names and types for
// packages such as this one (go.dev/issue/67401).
package label

import "unsafe"

//go:linkname get runtime/pprof.runtime_getProfLabel
func get() unsafe.Pointer

//go:linkname set runtime/pprof.runtime_setProfLabel
func set(labels unsafe.Pointer)

// Any reports whether the calling goroutine has labels. It costs a load.
func Any() bool { return get() != nil }

// Clear removes the labels of the calling goroutine. If there are none, it costs a load and a
// branch.
func Clear() {
	if Any() {
		set(nil)
	}
}
