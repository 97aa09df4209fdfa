// Package taskpool pools the task descriptors ([rt.Task]) of one scheduler.
//
// A free descriptor is in one of two tiers:
//
//   - a [List], which belongs to one worker or to the holder of one lock. To take a descriptor from
//     it, or put one back, costs no atomic operation.
//   - the [Pool], which all lists share. They move between the lists and the Pool in batches. Trim
//     drops the batches that no list has needed for a while.
//
// If both are empty, the Pool allocates a chunk of one batch.
//
// A sync.Pool would drop free descriptors at each garbage collection, and tasks that allocate cause
// collections all the time.
//
// All finds every task, because the Pool keeps weak pointers to its chunks. The garbage collector
// does not free a chunk with a descriptor in use, because a queue, a waker or the stack of the task
// refers to that descriptor. A list of all tasks was rejected, because each task would have to
// enter and leave it, under contention.
package taskpool
