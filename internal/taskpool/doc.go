// Package taskpool pools the task descriptors ([rt.Task]) of one scheduler.
//
// A free descriptor is in one of three tiers:
//
//   - a [List], which belongs to one worker or to the holder of one lock. Taking from it and putting
//     back cost no atomic operation.
//   - the [Pool], which all lists share. Descriptors move between the two in batches. Trim drops
//     the batches that no list has needed for a while.
//   - the heap, from which the pool allocates chunks of one batch each.
//
// A sync.Pool would drop free descriptors at each garbage collection, and tasks that allocate cause
// collections all the time.
//
// The chunks also make a census possible. A registry of all tasks would have to be entered and
// left by each task, under contention. Instead the pool keeps weak pointers to its chunks, and All
// walks them. A chunk with a descriptor in use is alive, because a queue, a waker or the stack of
// the task holds that descriptor.
package taskpool
