//go:build !race || heddle_model

package rt

// Some operations, such as a join, take only a few nanoseconds and corrupt the worker if another
// task or goroutine than the owner of the Ctx calls them. If Verify is true, these operations look
// up their caller. Verify is true only in builds with the race detector, which would report such a
// misuse as a race anyway. In other builds a fork and its join would cost two calls of some
// nanoseconds more. But in all builds a fork checks its caller in a cheaper way, see Worker.Knows,
// and the slow paths of these operations look up the caller. In builds for the model checker Verify
// is false, because a model's threads are not fibers.
const Verify = false
