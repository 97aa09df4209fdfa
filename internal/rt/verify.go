//go:build !race || heddle_model

package rt

// Verify has operations that take only a few nanoseconds, and whose misuse corrupts the worker, look up their caller. That is left to
// race detector builds, where such a call is a race anyway, since it would cost a fork and its join two calls of some nanoseconds. Their
// slow paths look in all builds. The threads of a model are no fibers.
const Verify = false
