//go:build !race

package prefetch

// lines requests n cache lines from address p on; n must be positive.
func lines(p uintptr, n int)
