package rt

// A wake-up is early if it comes before its task is Waiting. The waker then only sets a flag
// (Park-W2b), and the task's successor queues the task (Park-S3). So that the ring of dispatches
// can show where such a wake-up came from, the waker leaves a note in the task's Look:
//
//	waker                                     successor
//	Early-W1  store a note for the flag       Early-S1  CommitPark returns false because of
//	Early-W2  CAS the flag in                           the flag
//	                                          Early-S2  load the flag's note
//
// If Early-S1 sees the flag that a waker set in Early-W2, that waker's Early-W1 came before
// Early-S2. So Early-S2 loads the note of that waker, or a newer one. Only one party calls Wake for
// a wait. So a newer note comes from another call of Ready. That call was made before the task went
// on, and would have woken the task too.
//
// Two kinds of notes are never loaded. The task may become Waiting after Early-W1, and then the
// waker sets no flag. Or the running task takes the token without a park. In both cases the next
// waker that sets the flag stores a newer note first.
//
// A cancellation that comes early leaves no note. It would show at the next wait, which may be long
// afterwards.

// Indexes of Look.early.
const (
	earlyReady = iota
	earlyWake
)

// notesEarly reports whether d notes early wake-ups.
func (d *Task) notesEarly() bool { return d.worker.Load().Looks&LookRing != 0 }

// noteEarly notes a wake-up of the life that s belongs to (Early-W1). by is ByTimer if a timer
// wakes the task, and otherwise ByUnknown. Call it only if notesEarly returns true.
func (d *Task) noteEarly(s Status, kind int, by Waker) {
	x := d.Extra()
	// If the generation has changed, the descriptor serves another task by now.
	if x == nil || x.Look == nil || d.Gen() != s.Gen() {
		return
	}
	n := d.Shared().Sched.Waking(by)
	x.Look.early[kind].Store(&n)
}

// TellEarly notes in Woken which wake-up came before the park k of d (Early-S2). The successor
// calls it if CommitPark has returned false, before it queues d.
func (d *Task) TellEarly(k Park) {
	x := d.Extra()
	if x == nil || x.Look == nil {
		return
	}
	kind := earlyReady
	if k&flagInternal != 0 {
		kind = earlyWake
		if !d.Status().has(flagWoken) {
			return // a cancellation came
		}
	} else if d.Status().Cancelled() {
		return // CommitPark has cleared the token, so it cannot be told whether there was one
	}
	if n := x.Look.early[kind].Load(); n != nil {
		x.Look.Woken = *n
	}
}
