package rt

// Park names the events that end a wait, as a part of a status word: the flags of the events, and
// flagInternal and flagHard. WaitReason.Park adds the reason of the wait.
type Park uint64

// The kinds of park.
const (
	// ForReady waits for Ready; Cancel ends it too.
	ForReady Park = flagToken | flagCancelled
	// ForWake waits for Wake; Cancel ends it too.
	ForWake Park = flagInternal | flagWoken | flagCancelled
	// ForWakeOnly waits for Wake and nothing else.
	ForWakeOnly Park = flagInternal | flagHard | flagWoken
)

const (
	flagEvents = flagToken | flagWoken | flagCancelled    // the events of a Park
	parkMask   = flagInternal | flagHard | waitReasonMask // how the task waits
)

// TakeToken consumes the token that a Ready left because no Park was waiting for it, and
// reports whether there was one. Only the running task may call it.
func (d *Task) TakeToken() bool { return d.take(flagToken) }

func (d *Task) take(flag uint64) bool {
	for {
		s := d.status.Load()
		if s&flag == 0 {
			return false
		}
		if d.status.CompareAndSwap(s, s&^flag) {
			return true
		}
	}
}

// Happened reports whether an event of k has come already.
func (d *Task) Happened(k Park) bool { return d.status.Load()&uint64(k)&flagEvents != 0 }

// Woken reports whether a Wake ended the park ForWake or ForWakeOnly that has just returned. If
// not, Cancel ended it, and the Wake may still come. Only the task that was parked may call it.
//
// Usually Wake finds the task Waiting. Then it does not set flagWoken, and clears flagInternal.
// CommitPark has set flagInternal, and Cancel does not clear it. So the woken task learns of the
// Wake by a load, without a CAS.
func (d *Task) Woken() bool {
	if d.status.Load()&(flagWoken|flagInternal) == 0 {
		return true
	}
	return d.take(flagWoken)
}

// CommitPark makes a task Waiting after it has left its stack. It returns false if an event of k
// came first: the task is Runnable, and the caller has to queue it. The task's successor calls it
// as the first thing after the switch.
//
// This is the one place where a park could miss its wake-up. The two sides are the successor, and
// the waker in Ready, Wake or Cancel:
//
//	successor                               waker
//	Park-S1  the task has left its stack    Park-W1   load the word
//	Park-S2  CAS Active -> Waiting, only    Park-W2a  if it is Waiting for this event:
//	         if the event's flag is unset             CAS -> Active, then queue the task
//	Park-S3  otherwise queue the task       Park-W2b  otherwise CAS the event's flag in
//
// Both sides change the same word by CAS, so one comes first. If Park-S2 comes first, Park-W2a sees
// Waiting and queues the task. Several wakers may try, but only one CAS away from Waiting succeeds,
// so only one of them queues the task. If Park-W2b comes first, Park-S2 fails and Park-S3 queues
// the task. No party queues the task before Park-S1, because only Park-S2 makes it Waiting and only
// the successor runs Park-S3.
//
// If an event came before a park ForWake or ForWakeOnly, CommitPark sets flagInternal before
// Park-S3, because otherwise Woken would report a Wake that has not come if the event was Cancel.
// If one came before a park ForReady, CommitPark takes the token.
func (d *Task) CommitPark(k Park) bool {
	for {
		s := d.status.Load()
		if s&uint64(k)&flagEvents != 0 {
			n := s | uint64(k)&flagInternal
			if k&flagInternal == 0 {
				n = s &^ flagToken
			}
			if n != s && !d.status.CompareAndSwap(s, n) {
				continue
			}
			return false
		}
		if d.status.CompareAndSwap(s, s&^parkMask|uint64(k)&parkMask-stActive+stWaiting) {
			return true
		}
	}
}

// Ready gives life gen the token that a park [ForReady] takes. It reports whether this made the
// task runnable; if so, the caller has to queue it.
func (d *Task) Ready(gen uint32) (queue bool) {
	for {
		s := d.status.Load()
		if !Status(s).Live(gen) || s&flagToken != 0 {
			return false
		}
		if s&(stateMask|flagInternal) == stWaiting {
			if d.status.CompareAndSwap(s, s-stWaiting+stActive) {
				return true
			}
			continue
		}
		if d.notesEarly() {
			d.noteEarly(Status(s), earlyReady, ByUnknown)
		}
		if d.status.CompareAndSwap(s, s|flagToken) {
			return false
		}
	}
}

// ReadyWaiting is Ready if the task is Waiting for it. If it returns false, it has done nothing,
// and the caller has to call Ready. It is small enough to inline.
func (d *Task) ReadyWaiting(gen uint32) (queue bool) {
	s := d.status.Load()
	return s&(stateMask|flagInternal|flagToken) == stWaiting && Status(s).gen() == gen &&
		d.status.CompareAndSwap(s, s-stWaiting+stActive)
}

// Wake is the event of [ForWake] and [ForWakeOnly]. The caller has claimed the wait before, so no
// other party wakes the task for it, and the task cannot end meanwhile. Wake reports whether the
// caller has to queue the task.
func (d *Task) Wake() (queue bool) { return d.wakeBy(ByUnknown) }

// wakeBy is Wake. by is as for noteEarly.
func (d *Task) wakeBy(by Waker) (queue bool) {
	for {
		if d.WakeWaiting() {
			return true
		}
		s := d.status.Load()
		if s&(stateMask|flagInternal) == stWaiting|flagInternal {
			continue
		}
		if d.notesEarly() {
			d.noteEarly(Status(s), earlyWake, by)
		}
		if d.status.CompareAndSwap(s, s|flagWoken) {
			return false
		}
	}
}

// WakeWaiting is Wake if the task is Waiting for it (Park-W2a). If it returns false, it has
// done nothing, and the caller has to call Wake. It is small enough to inline.
func (d *Task) WakeWaiting() (queue bool) {
	s := d.status.Load()
	return s&(stateMask|flagInternal) == stWaiting|flagInternal &&
		d.status.CompareAndSwap(s, s-stWaiting+stActive-flagInternal)
}
