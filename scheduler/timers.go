package scheduler

import (
	"sync"
	"time"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/prefetch"
	"github.com/heddle-go/heddle/internal/rt"
)

// timers is the scheduler's timer queue. It belongs to no worker, so no worker that a hog holds has anyone's
// timers: every worker looks at it while it looks for work and when a task's budget is spent, and sysmon looks at
// it when it ticks.
//
// It is a 4-ary heap under a lock that is only ever tried: who arms a timer pushes it on a stack, in, which holders of the lock
// empty into the heap; who disarms one marks it, and it is dropped when it is met. So nobody waits for anybody, and a
// worker that the system holds up with the lock in its hand delays what is due, but no task that arms or
// disarms.
//
// first is when the earliest is due. Raising it must not hide a timer that is just being armed:
//
//	arms                                    holds the lock
//	A1 push on in                           E1 take all of in
//	A2 lower first, if that is later        E2 store the earliest time of the heap to first
//	A3 kick sysmon, if that sleeps longer   E3 look at in again; if there are any, from E1 on, and
//	                                           kick sysmon, as in A3
//
// If A1 comes before E3, then E3 sees the timer, and does what A2 and A3 do. Otherwise A2 comes after E2, and nobody
// raises first any more without having taken the timer from in.
type timers struct {
	first atomicx.Int64             // 0 if there is none. With a Clock of the user's it stays 0, see earliest
	in    atomicx.Pointer[rt.Timer] // a stack, the latest first
	spent atomicx.Int64             // disarmed timers that are still queued; about
	size  atomicx.Int64             // length of the heap. Written under mu

	mu     atomicx.Mutex
	heap   []entry
	closed bool

	clock func() int64     // now
	kick  func(when int64) // A3
	sched *Scheduler
	alarm *alarm    // nil: workers and sysmon look at the time
	free  sync.Pool // of Timers for Sleep

	periodics periodics
}

// An entry has its time beside the pointer, so that moving it does not touch the timer.
type entry struct {
	when int64
	t    *rt.Timer
}

var _ rt.Timers = (*timers)(nil)

// Now implements rt.Timers.
func (q *timers) Now() int64 { return q.clock() }

// Time implements rt.Timers.
func (q *timers) Time() time.Time {
	if q.alarm != nil {
		return q.alarm.clock.Now()
	}
	return time.Now()
}

// earliest is the word of A2 and E2: first, or, with a Clock of the user's, one that workers and sysmon do not look at.
func (q *timers) earliest() *atomicx.Int64 {
	if q.alarm != nil {
		return &q.alarm.first
	}
	return &q.first
}

// maxIn is how long the stack may get before who arms a timer moves it to the heap: long enough for few to take the lock,
// short enough for this to take only microseconds.
const maxIn = 64

// Arm implements rt.Timers.
func (q *timers) Arm(t *rt.Timer, when int64) {
	t.Arm(when)
	deep := q.push(t) // (A1)
	q.lower(when)     // (A2)
	q.kick(when)      // (A3)
	if deep >= maxIn && q.mu.TryLock() {
		q.settle()
		q.mu.Unlock()
	}
}

// push returns about how many timers there are in the stack.
func (q *timers) push(t *rt.Timer) (deep uint32) {
	for {
		h := q.in.Load()
		t.Next, deep = h, 1
		if h != nil {
			deep = h.Deep.Load() + 1
		}
		t.Deep.Store(deep)
		if q.in.CompareAndSwap(h, t) {
			return deep // t may have fired, and be anything by now
		}
	}
}

func (q *timers) lower(when int64) {
	w := q.earliest()
	for {
		f := w.Load()
		if f != 0 && f <= when || w.CompareAndSwap(f, when) {
			return
		}
	}
}

// Disarm implements rt.Timers.
func (q *timers) Disarm(t *rt.Timer) bool {
	if !t.Spend() {
		return false
	}
	if n := q.spent.Add(1); q.alarm != nil {
		q.behead()
	} else if n >= minSpent && n > q.size.Load()/2 && q.mu.TryLock() {
		q.drain()
		q.sweep()
		q.settle()
		q.mu.Unlock()
	}
	return true
}

// minSpent is the number of disarmed timers that is not worth a sweep. From there on, sweeping when they are half of
// all costs each of them a small constant.
const minSpent = 64

// due reports whether some timer is due. One load.
func (q *timers) due(now int64) bool {
	f := q.first.Load()
	return f != 0 && f <= now
}

// A dueBatch is room for what is fired at once. Its length bounds how long the lock is held and how much a worker queues
// at once. A worker has one of its own, since it expires timers on the stacks of its tasks: with this on top,
// a small stack would have to grow.
type dueBatch [64]*rt.Timer

// expire fires the timers that are due, a batch at a time, and passes the tasks that have to be queued to f. It gives up if
// somebody else is at it.
func (q *timers) expire(now int64, batch *dueBatch, f func(d *rt.Task)) (n int) {
	for q.due(now) {
		if !q.mu.TryLock() {
			return n
		}
		n += q.fire(now, batch[:], f)
	}
	return n
}

// fire fires as many as batch has room for. The caller holds the lock, which fire lets go of.
func (q *timers) fire(now int64, batch []*rt.Timer, f func(d *rt.Task)) (k int) {
	q.drain()
	n := 0
	for n < len(batch) && len(q.heap) > 0 && q.heap[0].when <= now {
		// It was last touched when it was armed, and so was its task: in long queues both have fallen out of the
		// caches. So each is requested for the whole batch before the first is needed.
		batch[n] = q.pop()
		prefetch.Of(batch[n])
		n++
	}
	if len(batch) == 1 { // the caller goes on with this one, and soon comes for the next
		if n == 1 && batch[0].Fib != nil {
			batch[0].Fib.Warm()
		}
		q.lookAhead()
	}
	q.settle()
	q.mu.Unlock()
	for _, t := range batch[:n] {
		if !t.Claim() {
			q.spent.Add(-1)
			continue
		}
		// The claim is ours alone.
		batch[k] = t
		k++
		if d := t.Task; d != nil {
			prefetch.Of(d)
		}
	}
	for _, t := range batch[:k] {
		if d := t.Ring(now); d != nil {
			f(d)
		}
	}
	clear(batch[:n])
	return k
}

// lookAhead requests what is touched when the next timer is fired, and, of those of which one comes after that, the timers.
func (q *timers) lookAhead() {
	for i, e := range q.heap[:min(5, len(q.heap))] {
		if t := e.t; i > 0 {
			prefetch.Of(t)
		} else if t.Fib != nil {
			prefetch.Of(t.Task)
			prefetch.Of(t.Fib)
		}
	}
}

// settle makes the heap known (E1 to E3). Like what follows it is called under mu.
func (q *timers) settle() {
	w := q.earliest()
	for again := false; ; again = true {
		q.drain() // (E1)
		f := int64(0)
		if len(q.heap) > 0 {
			f = q.heap[0].when
		}
		if f != w.Load() {
			w.Store(f) // (E2)
		}
		if again && f != 0 {
			q.kick(f)
		}
		if q.in.Load() == nil { // (E3)
			break
		}
	}
	q.size.Store(int64(len(q.heap)))
	if len(q.heap) == 0 && cap(q.heap) > keepQueue {
		q.heap = nil // give a burst's memory back
	}
}

// drain moves what has been armed to the heap.
func (q *timers) drain() {
	if q.in.Load() == nil {
		return
	}
	// Oldest first, so that timers for the same duration, the usual case, come in the order of their times and
	// stay where they are put.
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

// sweep drops the disarmed.
func (q *timers) sweep() {
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
	if cap(h) > keepQueue && n < cap(h)/4 {
		q.heap = append(make([]entry, 0, 2*n), q.heap...)
	}
	for i := (n - 2) / 4; i >= 0 && n > 1; i-- {
		q.down(i)
	}
}

// behead drops disarmed timers that are the earliest: a clock that goes from one time that is set to the next must not
// come by times at which nothing happens.
func (q *timers) behead() {
	q.mu.Lock()
	q.drain()
	for len(q.heap) > 0 && q.heap[0].t.Spent() {
		q.pop()
		q.spent.Add(-1)
	}
	q.settle()
	q.mu.Unlock()
	q.setAlarm()
}

// trim drops the disarmed if there are more than a few, so that what they hold can be freed. Called by sysmon now and
// then.
func (q *timers) trim() {
	if n := q.spent.Load(); n > 0 && n > q.size.Load()/16 && q.mu.TryLock() {
		q.drain()
		q.sweep()
		q.settle()
		q.mu.Unlock()
	}
}

// close drops all timers, and those that come.
func (q *timers) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.drain()
	for _, e := range q.heap {
		e.t.Spend()
	}
	q.heap = nil
	q.spent.Store(0)
	q.settle()
	if q.alarm != nil {
		q.setAlarm()
	}
}

// pop takes the earliest out of the heap.
func (q *timers) pop() *rt.Timer {
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

func (q *timers) up(i int) {
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

func (q *timers) down(i int) {
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

// newTimer returns an Idle timer that wakes d.
func (q *timers) newTimer(d *rt.Task) *rt.Timer {
	t, _ := q.free.Get().(*rt.Timer)
	if t == nil {
		t = new(rt.Timer)
	}
	t.Task = d
	return t
}

// freeTimer takes back one that has fired, and whose wake-up was consumed.
func (q *timers) freeTimer(t *rt.Timer) {
	t.Task, t.Fib = nil, nil
	q.free.Put(t)
}

// len returns about how many timers are pending.
func (q *timers) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.drain()
	q.settle()
	return max(0, len(q.heap)-int(q.spent.Load()))
}
