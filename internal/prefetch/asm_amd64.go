//go:build !race

package prefetch

// lines requests n cache lines from p on; n > 0.
func lines(p uintptr, n int)

// stack returns the stack pointer.
func stack() uintptr
