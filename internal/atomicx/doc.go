// Package atomicx is the door through which the lock-free code reaches its atomic words.
//
// In an ordinary build every name is an alias of its namesake in sync/atomic or sync, so nothing is added:
// the compiler sees the very same intrinsics. Under the build tag heddle_model the names are types of their own with
// the same methods, each of which calls explore.Point before the operation, so that package explore can try
// every order in which the operations of several threads may interleave.
//
// The operation behind the point is the real atomic one. Code built with the tag therefore also works outside an
// exploration, where Point does nothing, and under the race detector.
package atomicx
