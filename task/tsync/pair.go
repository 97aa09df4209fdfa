package tsync

// An unbuffered channel that has one task at each end, as most have, does without its lock: it is *paired*. Then nobody
// waits but, maybe, the task of one of the two waiters that the channel keeps, and the channel's word says whether. In
// every other case the channel is *queued*: who waits stands in a queue, under the lock.
//
//	31          3 2        1      0
//	+------------+--------+------+----------+
//	| epoch      | queued | sender receiver |
//	+------------+--------+------+----------+
//
// While the channel is paired, its word changes by CAS only. A task that finds nobody there, and a task that does, with
// nobody in between:
//
//	waiting task                            meeting task
//	W1 load the word: nobody waits; load    C1 load the word: somebody waits; load
//	   kept[its direction]: it is its own      kept[that direction]
//	W2 CAS its bit in                       C2 CAS the bit out: the waiter is claimed
//	W3 park                                 C3 fill in the waiter, and wake it
//
// Only one CAS removes a bit, so a waiter is claimed once: by C2; by unpublish, when its task is cancelled;
// or by unpair, which puts it into a queue. Who is to be woken need not have parked yet: a Wake that
// comes before the park ends it at once.
//
// What kept says must not change between C1 and C2, nor between W1 and W2. It changes only while the channel is
// queued, and unpair, which makes it so, counts the epoch up. So a CAS from a word of before fails.
const (
	chReceiver = 1 << receiving
	chSender   = 1 << sending
	chQueued   = 4
	chEpoch    = 8
	chState    = chEpoch - 1
)

// pairing says when a queued channel is paired.
type pairing struct {
	// n counts the meetings of tasks with kept waiters since anything else happened; more than
	// limit of them make the channel paired. limit doubles each time that it is queued
	// again, so that a program which needs that now and then does not pay for the change all the time.
	n, limit uint
}

const (
	firstPairing = 4
	lastPairing  = 1 << 16
)

// lock locks the channel and makes it queued.
func (ch *Chan[T]) lock() {
	ch.mu.Lock()
	if ch.word.Load()&chQueued == 0 {
		ch.unpair()
	}
}

// unpair makes a paired channel queued. Called under mu.
func (ch *Chan[T]) unpair() {
	s := ch.word.Load()
	for !ch.word.CompareAndSwap(s, s&^chState+chEpoch+chQueued) {
		s = ch.word.Load()
	}
	switch s & chState {
	case chReceiver:
		ch.recvq.push(ch.kept[receiving].Load())
	case chSender:
		ch.sendq.push(ch.kept[sending].Load())
	}
	ch.pairing.n, ch.pairing.limit = 0, min(max(2*ch.pairing.limit, firstPairing), lastPairing)
}

// countMeeting is called under mu when w has been taken out of its queue by a task, which has passed its own Ctx if own. It may make
// the channel paired.
func (ch *Chan[T]) countMeeting(w *waiter[T], own bool) {
	if w.of == nil || !own {
		ch.pairing.n = 0
		return
	}
	if ch.pairing.n++; ch.pairing.n > ch.pairing.limit && len(ch.buf) == 0 && !ch.closed && ch.recvq.first == nil && ch.sendq.first == nil {
		ch.word.Store(ch.word.Load() &^ chQueued)
	}
}

// unpublish takes the waiter of a cancelled task back. It reports false if the waiter has been claimed. Called under mu.
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
