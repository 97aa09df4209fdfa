//go:build !race || heddle_model

package rt

// Verify has operations that take only a few nanoseconds, and whose misuse corrupts the worker, look who calls. That would add a third to
// a fork and its join (BenchmarkFib of package parallel), so it is left to race detector builds, where such a call is a race anyway. Their slow paths look in all builds. The
// threads of a model are no fibers.
const Verify = false
