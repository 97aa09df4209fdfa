package tsync

// An unbuffered channel usually has one task at each end. Such a channel is *paired* and works
// without its lock. While it is paired, at most one task waits, with one of the two waiters in
// kept, and the channel's word says which. In every other case the channel is *queued*: waiters
// stand in the queues, under the lock.
//
//	31          3 2        1      0
//	+------------+--------+------+----------+
//	| epoch      | queued | sender receiver |
//	+------------+--------+------+----------+
//
// While the channel is paired, its word changes by CAS only. These are the steps of a task that
// finds no other task waiting, and of the task that comes to the other end later and meets it:
//
//	waiting task                            meeting task
//	Pair-W1 load the word: no task waits;   Pair-C1 load the word: a task waits;
//	        load kept[its direction]:               load kept[that task's direction]
//	        the waiter is its own
//	Pair-W2 CAS its bit in                  Pair-C2 CAS the bit out: the waiter is claimed
//	Pair-W3 park                            Pair-C3 fill in the waiter, and wake it
//
// Only one CAS removes a bit, so each waiter is claimed once: by Pair-C2, by unpublish if its task
// is cancelled, or by unpair, which moves it to a queue. The meeting task may reach Pair-C3 before
// the waiting task has parked, because a Wake that comes before the park ends the park at once.
//
// kept must not change between Pair-C1 and Pair-C2, nor between Pair-W1 and Pair-W2. It changes
// only while the channel is queued, and unpair, which makes the channel queued, raises the epoch.
// So a CAS fails if its word was loaded before a change of kept.
const (
	chReceiver = 1 << receiving
	chSender   = 1 << sending
	chQueued   = 4
	chEpoch    = 8
	chState    = chEpoch - 1
)

// pairing decides when a queued channel becomes paired.
type pairing struct {
	// n counts the successive meetings of tasks with kept waiters. Any other use of the channel
	// sets it back to 0. When n exceeds limit, the channel becomes paired. limit doubles each time
	// the channel becomes queued again, so that a program that often needs the queues does not pay
	// for the change each time.
	n, limit uint16 // n may overflow, which only delays the change
}

const (
	firstPairing = 4
	lastPairing  = 1 << 15
)

// lock locks the channel and makes it queued.
func (ch *Chan[T]) lock() {
	ch.mu.Lock()
	if ch.word.Load()&chQueued == 0 {
		ch.unpair()
	}
}

// unpair makes a paired channel queued. The caller holds mu.
func (ch *Chan[T]) unpair() {
	s := ch.word.Load()
	for !ch.word.CompareAndSwap(s, s&^chState+chEpoch+chQueued) {
		s = ch.word.Load()
	}
	switch s & chState {
	case chReceiver:
		ch.recvq.Push(ch.kept[receiving].Load())
	case chSender:
		ch.sendq.Push(ch.kept[sending].Load())
	}
	ch.pairing.n, ch.pairing.limit = 0, min(max(2*ch.pairing.limit, firstPairing), lastPairing)
}

// countMeeting counts that the calling task, or goroutine, has met the waiter w: it has just taken
// w out of its queue. own says that the caller is a task under its own Ctx. countMeeting may make
// the channel paired. The caller holds mu.
func (ch *Chan[T]) countMeeting(w *waiter[T], own bool) {
	if w.of == nil || !own {
		ch.pairing.n = 0
		return
	}
	if ch.pairing.n++; ch.pairing.n > ch.pairing.limit && len(ch.buf) == 0 && !ch.closed && ch.recvq.First == nil && ch.sendq.First == nil {
		ch.word.Store(ch.word.Load() &^ chQueued)
	}
}

// unpublish takes back the waiter w of a cancelled task while the channel is paired. It reports
// false if another party has claimed w, or w is not the waiter that the channel's word shows. The
// caller holds mu.
func (ch *Chan[T]) unpublish(w *waiter[T]) bool {
	bit := uint32(1) << w.index
	for {
		s := ch.word.Load()
		if s&(chQueued|bit) != bit || ch.kept[w.index].Load() != w {
			return false
		}
		if ch.word.CompareAndSwap(s, s-bit) {
			return true
		}
	}
}
