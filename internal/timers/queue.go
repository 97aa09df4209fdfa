package timers

import (
	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/histogram"
	"github.com/heddle-go/heddle/internal/prefetch"
	"github.com/heddle-go/heddle/internal/rt"
)

// A Queue is one of the timer queues of a scheduler: see [Set]. Init or InitClock prepares it. Its
// methods may be called by any goroutine and any task, and none of them parks the task. Only the
// methods whose comments say so wait for the queue's lock.
type Queue struct {
	first atomicx.Int64             // when the earliest timer is due; 0: none, or q has a clock
	in    atomicx.Pointer[rt.Timer] // the stack of Arm-A1, the latest first
	spent atomicx.Int64             // disarmed timers that are still queued; approximate
	size  atomicx.Int64             // the length of the heap; written under mu

	mu     atomicx.Mutex
	heap   []entry
	closed bool

	now    func() int64
	kick   func(when int64) // Arm-A3
	alarm  *alarm           // nil without a clock: workers and sysmon look at first
	number uint32           // Timer.Queue of its timers
}

// An entry has its time beside the pointer, so that moving it does not touch the timer.
type entry struct {
	when int64
	t    *rt.Timer
}

// keepHeap is the capacity up to which an empty heap keeps its memory, 256 KB for each worker. A
// heap that has to grow to keepHeap again costs as much to grow as to fill.
const keepHeap = 1 << 14

// Init prepares q to use the time that now returns, in nanoseconds, which is never 0 and never goes
// back. The queue calls kick after a timer has been armed for when. kick has to make sysmon look at
// the queue by then, and must not wait. Init is called once, before q is shared.
func (q *Queue) Init(now func() int64, kick func(when int64)) { q.now, q.kick = now, kick }

// First returns the time at which the earliest timer is due, or 0 if no timer is queued or the
// queue has a clock. The timer may be a disarmed one. First costs one load.
func (q *Queue) First() int64 { return q.first.Load() }

// Due reports whether a timer is due at now. The timer may be a disarmed one. Due costs one load.
func (q *Queue) Due(now int64) bool {
	f := q.first.Load()
	return f != 0 && f <= now
}

// Size returns the length that the heap had when the lock was last released, disarmed timers
// included. It costs one load.
func (q *Queue) Size() int { return int(q.size.Load()) }

// earliest returns the word that Arm-A2 and Arm-E2 write. Without a clock it is q.first. With a
// clock it is alarm.first, at which workers and sysmon do not look.
func (q *Queue) earliest() *atomicx.Int64 {
	if q.alarm != nil {
		return &q.alarm.first
	}
	return &q.first
}

// maxIn is the length of the stack at which the party that arms a timer itself moves the stack to
// the heap. It is long enough that few calls of Arm take the lock, and short enough that the move
// takes only microseconds.
const maxIn = 64

// Arm makes t fire at when. The caller owns t, which must be Idle.
func (q *Queue) Arm(t *rt.Timer, when int64) {
	t.Queue = q.number
	t.Arm(when)
	deep := q.push(t) // (Arm-A1)
	q.lower(when)     // (Arm-A2)
	q.kick(when)      // (Arm-A3)
	if deep >= maxIn && q.mu.TryLock() {
		q.publish()
		q.mu.Unlock()
	}
}

// push puts t on the stack and returns the stack's approximate length.
func (q *Queue) push(t *rt.Timer) (deep uint32) {
	for {
		h := q.in.Load()
		t.Next, deep = h, 1
		if h != nil {
			deep = h.Deep.Load() + 1
		}
		t.Deep.Store(deep)
		if q.in.CompareAndSwap(h, t) {
			return deep // t may have fired by now, and belong to its owner again
		}
	}
}

func (q *Queue) lower(when int64) {
	w := q.earliest()
	for {
		f := w.Load()
		if f != 0 && f <= when || w.CompareAndSwap(f, when) {
			return
		}
	}
}

// Disarm undoes Arm of this queue, as rt.Timers says.
func (q *Queue) Disarm(t *rt.Timer) bool {
	if !t.Spend() {
		return false
	}
	q.disarmed()
	return true
}

// disarmed counts a timer of q that was disarmed, and sweeps q when there are enough of them.
func (q *Queue) disarmed() {
	if n := q.spent.Add(1); q.alarm != nil {
		q.behead()
	} else if n >= minSpent && n > q.size.Load()/2 && q.mu.TryLock() {
		q.drain()
		q.sweep()
		q.publish()
		q.mu.Unlock()
	}
}

// minSpent is the least number of disarmed timers for which Disarm sweeps. From there on it sweeps
// when they are half of all timers, so the sweeps cost each disarmed timer a small constant.
const minSpent = 64

// A Batch is room for the timers that one call fires. Its length bounds how long the call holds the
// lock and how many tasks a worker queues at once. Each worker allocates a Batch of its own. A
// worker fires timers on the stacks of its tasks, and a Batch there would make small stacks grow.
type Batch struct {
	timers [64]*rt.Timer
	// If Late is not nil, it counts how late timers fire. Only the goroutine that uses the Batch
	// writes it.
	Late *histogram.Histogram
}

// Expire fires all timers that are due at now, a batch at a time. It passes each task that this
// makes runnable to f, which has to queue the task. It returns the number of timers that it has
// fired. If another goroutine holds the lock, Expire leaves the remaining timers to that goroutine.
func (q *Queue) Expire(now int64, batch *Batch, f func(d *rt.Task)) (n int) {
	for q.Due(now) {
		if !q.mu.TryLock() {
			return n
		}
		n += q.fire(now, batch, len(batch.timers), f)
	}
	return n
}

// ExpireSome is Expire for one batch. A worker need not take more out of the heap than it can run
// before it looks again, because until then other workers can fire what is left.
func (q *Queue) ExpireSome(now int64, batch *Batch, f func(d *rt.Task)) {
	if q.Due(now) && q.mu.TryLock() {
		q.fire(now, batch, len(batch.timers), f)
	}
}

// ExpireOne is Expire for one timer. The caller runs the task at once and soon calls ExpireOne for
// the next timer, so ExpireOne has the processor fetch the memory that both will touch. If another
// goroutine holds the lock, ExpireOne fires nothing and returns false.
func (q *Queue) ExpireOne(now int64, batch *Batch, f func(d *rt.Task)) bool {
	if !q.mu.TryLock() {
		return false
	}
	q.fire(now, batch, 1, f)
	return true
}

// fire fires up to most timers. The caller holds the lock; fire unlocks it.
func (q *Queue) fire(now int64, b *Batch, most int, f func(d *rt.Task)) (k int) {
	batch := b.timers[:most]
	q.drain()
	n := 0
	for n < len(batch) && len(q.heap) > 0 && q.heap[0].when <= now {
		// The timer and its task were last touched when the timer was armed, so in long queues both
		// have fallen out of the caches. So fire first prefetches all timers of the batch, and
		// later all tasks, before it needs the first of them.
		batch[n] = q.pop()
		prefetch.Of(batch[n])
		n++
	}
	if len(batch) == 1 { // ExpireOne: the caller runs this task, and soon comes for the next one
		if n == 1 && batch[0].Fib != nil {
			batch[0].Fib.Warm()
		}
		q.lookAhead()
	}
	q.publish()
	q.mu.Unlock()
	for _, t := range batch[:n] {
		when := t.When // the owner may arm t again as soon as it is claimed
		if !t.Claim() {
			q.spent.Add(-1)
			continue
		}
		if b.Late != nil {
			b.Late.Record(now - when)
		}
		// No other goroutine has this claim.
		batch[k] = t
		k++
		if d := t.Task; d != nil {
			prefetch.Of(d)
		}
	}
	for _, t := range batch[:k] {
		if d := t.Fire(now); d != nil {
			f(d)
		}
	}
	clear(batch[:n])
	return k
}

// lookAhead prefetches what the next ExpireOne touches: the task and the fiber of the earliest
// timer. It also prefetches the four timers from which the heap takes the one after that.
func (q *Queue) lookAhead() {
	for i, e := range q.heap[:min(5, len(q.heap))] {
		if t := e.t; i > 0 {
			prefetch.Of(t)
		} else if t.Fib != nil {
			prefetch.Of(t.Task)
			prefetch.Of(t.Fib)
		}
	}
}

// publish publishes the earliest time (Arm-E1 to Arm-E3). The caller holds mu. This is also so for
// drain and sweep, and for pop, up and down.
func (q *Queue) publish() {
	w := q.earliest()
	for again := false; ; again = true {
		q.drain() // (Arm-E1)
		f := int64(0)
		if len(q.heap) > 0 {
			f = q.heap[0].when
		}
		if f != w.Load() {
			w.Store(f) // (Arm-E2)
		}
		if again && f != 0 {
			q.kick(f)
		}
		if q.in.Load() == nil { // (Arm-E3)
			break
		}
	}
	q.size.Store(int64(len(q.heap)))
	if len(q.heap) == 0 && cap(q.heap) > keepHeap {
		q.heap = nil // give a burst's memory back
	}
}

// drain moves the timers of the stack to the heap.
func (q *Queue) drain() {
	if q.in.Load() == nil {
		return
	}
	// drain adds the oldest timer first. Usually all timers have the same duration. Then they come
	// in the order of their times, and stay at the end of the heap, where drain puts them.
	var list *rt.Timer
	for t := q.in.Swap(nil); t != nil; {
		next := t.Next
		t.Next = list
		list = t
		t = next
	}
	for t := list; t != nil; {
		next := t.Next
		t.Next = nil
		if q.closed {
			t.Spend()
		} else if t.Spent() {
			q.spent.Add(-1)
		} else {
			q.heap = append(q.heap, entry{t.When, t})
			q.up(len(q.heap) - 1)
		}
		t = next
	}
}

// sweep drops the disarmed timers.
func (q *Queue) sweep() {
	h := q.heap
	n := 0
	for _, e := range h {
		if e.t.Spent() {
			q.spent.Add(-1)
			continue
		}
		h[n] = e
		n++
	}
	clear(h[n:])
	q.heap = h[:n]
	if cap(h) > keepHeap && n < cap(h)/4 {
		q.heap = append(make([]entry, 0, 2*n), q.heap...)
	}
	for i := (n - 2) / 4; i >= 0 && n > 1; i-- {
		q.down(i)
	}
}

// behead drops disarmed timers from the front of the heap and sets the alarm again. A goroutine
// that advances the clock stops at each time that is set, and must not stop at a time at which
// nothing happens. behead waits for the lock.
func (q *Queue) behead() {
	q.mu.Lock()
	q.drain()
	for len(q.heap) > 0 && q.heap[0].t.Spent() {
		q.pop()
		q.spent.Add(-1)
	}
	q.publish()
	q.mu.Unlock()
	q.setAlarm()
}

// If more than a sixteenth of the timers are disarmed, Trim drops these, so that the garbage
// collector can free what they refer to. It only tries the lock. sysmon calls it from time to time.
func (q *Queue) Trim() {
	if n := q.spent.Load(); n > 0 && n > q.size.Load()/16 && q.mu.TryLock() {
		q.drain()
		q.sweep()
		q.publish()
		q.mu.Unlock()
	}
}

// Close drops all timers, and from then on the queue drops each timer that is armed. None of them
// fires. Close waits for the lock.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.drain()
	for _, e := range q.heap {
		e.t.Spend()
	}
	q.heap = nil
	q.spent.Store(0)
	q.publish()
	if q.alarm != nil {
		q.setAlarm()
	}
}

// pop takes the earliest timer out of the heap.
func (q *Queue) pop() *rt.Timer {
	h := q.heap
	t := h[0].t
	last := len(h) - 1
	h[0] = h[last]
	h[last] = entry{}
	q.heap = h[:last]
	if last > 1 {
		q.down(0)
	}
	return t
}

func (q *Queue) up(i int) {
	h := q.heap
	e := h[i]
	for i > 0 {
		p := (i - 1) / 4
		if h[p].when <= e.when {
			break
		}
		h[i] = h[p]
		i = p
	}
	h[i] = e
}

func (q *Queue) down(i int) {
	h := q.heap
	e := h[i]
	for {
		c := 4*i + 1
		if c >= len(h) {
			break
		}
		least, when := c, h[c].when
		for j := c + 1; j < min(c+4, len(h)); j++ {
			if w := h[j].when; w < when {
				least, when = j, w
			}
		}
		if when >= e.when {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = e
}

// Len returns the number of armed timers, which is 0 after Close. If other parties arm, disarm or
// fire timers meanwhile, the result is approximate. Len waits for the lock.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.drain()
	q.publish()
	// A goroutine that has taken a disarmed timer out of the heap lowers spent later, maybe after
	// Close has set spent to 0. So spent may be negative.
	return max(0, len(q.heap)-max(0, int(q.spent.Load())))
}
