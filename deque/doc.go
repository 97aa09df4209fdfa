// Package deque provides work-stealing double-ended queues of pointers. One owner adds and removes
// elements at little cost, and any number of thieves take elements from it.
//
// # Owner and thief
//
// A deque has two sides, and each has its own type, so that the compiler checks which side may do
// what. The [Owner] belongs to one goroutine, for example to one worker of a scheduler. Only the
// owner may push and pop:
//
//	o := deque.New[Job](deque.FIFO, 0)
//	o.Push(job)
//	job = o.Pop() // nil if the deque is empty
//
// All other goroutines use the [Thief]:
//
//	v := o.Thief()
//	job, outcome := v.Steal()
//
// A theft has three outcomes. [Stolen] gives the element. [Empty] says that there was nothing to
// steal, so the thief should look elsewhere. [Retry] says that another party was faster, and there
// may be more elements.
//
// # Two flavours
//
// Thieves always take the oldest element. The flavour decides what the owner pops. A [FIFO] deque
// gives the owner the oldest element too. It serves as a run queue, in which each element gets its
// turn. A [LIFO] deque gives the owner the newest element. It serves recursion: the owner goes
// depth first through data that is still in its cache, while thieves take the oldest elements,
// which usually stand for the largest pieces of work.
//
// # The private tail
//
// An atomic store costs as much as several plain ones. A recursion that forks at every step pushes
// millions of elements, and thieves take few of them. So the newest elements of a LIFO deque may be
// private. [Owner.TryPushPrivate] and [Owner.PopPrivate] inline to plain loads and stores;
// TryPushPrivate also loads a word in which thieves ask for work.
//
//	oldest                                newest
//	top             split                 bottom
//	 | shared ...     | private tail ...    |
//
// A thief that finds nothing shared leaves a request. At its next PushPrivate or [Owner.Expose],
// the owner exposes half of its tail. No thief can take a private element before it is exposed. So
// an owner that computes for long should check [Owner.Wanted] now and then, and call Expose. An
// owner that will not use the deque for a while should call [Owner.ExposeAll].
//
// # Batches
//
// A thief that expects to come back soon takes several elements at once: [Thief.StealBatch] takes
// up to half of the victim's elements, returns the oldest and pushes the others on the thief's own
// deque.
//
// # Guarantees
//
// Every pushed element is given out exactly once. All calls are lock-free: none waits for another
// goroutine. A push happens before the return of the Pop, Steal or StealBatch that gives the
// element out, in the sense of the Go memory model. The elements stand in an array, the ring, which
// grows. Only two operations allocate: a push that finds the ring full, and [Owner.Trim].
//
// The deque does not keep popped elements reachable. It keeps a stolen element reachable until the
// owner does one of these things: it finds the deque empty, grows the ring, pops a shared element
// of a LIFO deque, answers a request, or has pushed elements until the newest index is 64 higher.
// An owner that does none of these keeps stolen elements reachable.
//
// The package does not bound the size of a deque, has no Pop that blocks, and orders no elements of
// different deques. [Thief.Len] is an estimate.
//
// # Looking for work
//
// A worker looks for work in a loop of this shape. It pops from its own deque first. Then it steals
// from the others in random order, and starts again if a theft ended in Retry. If all deques were
// empty, it may go to sleep. Before that it must announce that it sleeps, and then look at all
// deques once more with [Thief.Empty]. The package example is a complete program around this loop:
//
//	func (w *worker) find() *Job {
//		if job := w.own.Pop(); job != nil {
//			return job
//		}
//		for again := true; again; {
//			again = false
//			for _, i := range rand.Perm(len(w.victims)) {
//				job, _, outcome := w.victims[i].StealBatch(&w.own, 32)
//				switch outcome {
//				case deque.Stolen:
//					return job
//				case deque.Retry:
//					again = true
//				}
//			}
//		}
//		return nil
//	}
//
// # Sources
//
// The shared part is the deque of Chase and Lev, "Dynamic circular work-stealing deque" (SPAA
// 2005), in its sequentially consistent form, because Go's atomics are sequentially consistent. Lê,
// Pop, Cohen and Zappa Nardelli, "Correct and efficient work-stealing for weak memory models"
// (PPoPP 2013), show which of its orderings are needed. The idea of private elements that the owner
// hands out on request is from Acar, Charguéraud and Rainey, "Scheduling parallel programs by work
// stealing with private deques" (PPoPP 2013). The movable split within one array is from van Dijk
// and van de Pol, "Lace: non-blocking split deque for work-stealing" (MuCoCoS 2014).
package deque
