// Package deque provides work-stealing double-ended queues of pointers: one owner adds and removes elements
// at little cost, and any number of thieves take what it has too much of.
//
// # Owner and thief
//
// A deque has two sides, and each is a type of its own, so that the compiler sees who does what. The [Owner] belongs to one
// goroutine (in a scheduler, to one worker), which alone may push and pop:
//
//	o := deque.New[Job](deque.FIFO, 0)
//	o.Push(job)
//	job = o.Pop() // nil if there is none
//
// The [Thief] is for everybody else:
//
//	v := o.Thief()
//	job, outcome := v.Steal()
//
// A theft has three outcomes, and the difference between the last two matters: [Stolen] gives the element; [Empty] says that there
// was nothing, so look elsewhere; [Retry] says that somebody else was faster, and there may well be more.
//
// # Two flavours
//
// Thieves take the oldest element, always. The flavour says what the owner pops. A [FIFO] deque gives it the oldest
// too and serves as a run queue: whoever is pushed gets its turn. A [LIFO] deque gives it the newest
// and serves recursion: the owner goes depth first through data that is still in its cache, while thieves carry off the
// oldest elements, which stand for the largest pieces of work.
//
// # The private tail
//
// An atomic store costs several plain ones, and a recursion that forks at every step pushes millions of elements of which few
// are ever stolen. So the newest elements of a LIFO deque may be private: [Owner.TryPushPrivate] and [Owner.PopPrivate] are
// inlined plain loads and stores, and one load of a word in which thieves ask for work.
//
//	oldest                                newest
//	top             split                 bottom
//	 | shared ...     | private tail ...    |
//
// A thief that finds nothing shared leaves such a request. The owner meets it by exposing half of its tail at its next
// PushPrivate or [Owner.Expose]. An owner that computes for long should look at [Owner.Wanted] now and then, and one that is about to go
// away should call [Owner.ExposeAll]: until then nobody can take the private elements.
//
// # Batches
//
// A thief that expects to come back soon takes several at once: [Thief.StealBatch] takes up to half of what the victim has, returns
// the oldest and pushes the others on the thief's own deque.
//
// # Guarantees
//
// Every element that was pushed is given out exactly once. All calls are lock-free: none waits for another goroutine.
// What happens before a push happens before the return of the Pop, Steal or StealBatch that gives the element out.
// No operation allocates, but for pushes that find the ring full and [Owner.Trim]. Elements that were popped are no longer reachable through the
// deque. Those that were stolen cease to be so when the owner next looks: when it finds the deque empty, grows it, pops a shared
// element of a LIFO deque, meets a request, or at the latest when pushes have made bottom 64 higher. An owner that does none of these retains them.
//
// There is no bound on the size, no blocking Pop and no order between elements of different deques. [Thief.Len] is an estimate.
//
// # Looking for work
//
// A worker puts these together in a loop of this shape: its own deque first; then the others, in random order, again as
// long as a theft ended in Retry; and only when all were empty may it go to sleep, after announcing that and
// looking a last time ([Thief.Empty]). The example of the package is a complete program around it:
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
// The shared part is the deque of Chase and Lev, "Dynamic circular work-stealing deque" (SPAA 2005), in the sequentially
// consistent form, which is what Go's atomics give; Lê, Pop, Cohen and Zappa Nardelli, "Correct and efficient work-stealing for weak
// memory models" (PPoPP 2013), show which of its orderings are needed. Private elements that are handed out on request come from
// Acar, Charguéraud and Rainey, "Scheduling parallel programs by work stealing with private deques" (PPoPP 2013), and the movable
// split within one array from van Dijk and van de Pol, "Lace: non-blocking split deque for work-stealing" (MuCoCoS 2014).
package deque
