//go:build !race || heddle_model

package rt

// If Verify is true, operations look up their caller that take only a few nanoseconds and corrupt
// the worker if misused. Only builds with the race detector do so, where such a misuse is a race
// anyway, because the check would cost a fork and its join two calls of some nanoseconds. In all
// builds a fork compares its task with the task that the worker runs, which finds a task that
// waits, and the slow paths of these operations look up the caller. In builds for the model checker
// Verify is false, because a model's threads are not fibers.
const Verify = false
