//go:build !race || heddle_model

package rt

// If Verify is true, operations look up their caller that take only a few nanoseconds and corrupt
// the worker if misused. Only builds with the race detector do so, where such a misuse is a race
// anyway, because the check would cost a fork and its join two calls of some nanoseconds. The slow
// paths of these operations check in all builds. In builds for the model checker Verify is false,
// because a model's threads are not fibers.
const Verify = false
