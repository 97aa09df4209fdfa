// Package atomicx provides the atomic words and the mutex of the lock-free code.
//
// In an ordinary build every name is an alias of its namesake in sync/atomic or sync. The alias
// costs nothing, because the compiler sees the same intrinsics. Under the build tag heddle_model
// the names are separate types with the same methods. Each method calls explore.Point before the
// operation, so that package explore can try every order in which the operations of several threads
// may interleave.
//
// After the point, the method does the real atomic operation. So code that is built with the tag
// also works under the race detector, and outside an exploration, where Point does nothing.
package atomicx
