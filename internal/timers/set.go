package timers

import (
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/cpu"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/histogram"
	"github.com/heddle-go/heddle/internal/rt"
)

// A Set has all timers of one scheduler. It implements [rt.Timers]. A timer that is armed on a
// worker goes to the queue of that worker, and any other timer goes to the common queue. So workers
// that arm and fire timers write no line that all of them share. A queue belongs to no worker
// otherwise: any party may fire its timers.
//
// Init or InitClock prepares a Set. Its methods may be called by any goroutine and any task, unless
// they say otherwise, and none of them parks the task. With a clock there is only the common queue,
// because one goroutine fires all timers in their order.
type Set struct {
	queues   atomicx.Pointer[[]*Queue] // by Timer.Queue; copied to change it, under mu; only grows
	mu       atomicx.Mutex
	ownQueue func() *Queue
	free     sync.Pool // of Timers: see Borrow

	_      cpu.CacheLinePad
	common Queue
	_      cpu.CacheLinePad
}

var _ rt.Timers = (*Set)(nil)

// Init is [Queue.Init] for all queues of s. ownQueue returns the queue of the worker that the
// caller runs on, or nil if it runs on none. Init is called once, before s is shared.
func (s *Set) Init(now func() int64, kick func(when int64), ownQueue func() *Queue) {
	s.common.Init(now, kick)
	s.ownQueue = ownQueue
	s.queues.Store(&[]*Queue{&s.common})
}

// InitClock is [Queue.InitClock] for s.
func (s *Set) InitClock(clock Clock, wake func(d *rt.Task), late *histogram.Histogram) {
	s.common.InitClock(clock, wake, late)
	s.ownQueue = func() *Queue { return nil }
	s.queues.Store(&[]*Queue{&s.common})
}

// NewQueue returns a queue for a worker. With a clock that is the common queue.
func (s *Set) NewQueue() *Queue {
	if s.common.alarm != nil {
		return &s.common
	}
	var padded struct {
		_ cpu.CacheLinePad
		q Queue
		_ cpu.CacheLinePad
	}
	q := &padded.q
	q.Init(s.common.now, s.common.kick)
	s.mu.Lock()
	defer s.mu.Unlock()
	old := *s.queues.Load()
	q.number = uint32(len(old))
	all := append(slices.Clip(old), q)
	s.queues.Store(&all)
	return q
}

// Common returns the common queue.
func (s *Set) Common() *Queue { return &s.common }

// Now implements rt.Timers.
func (s *Set) Now() int64 { return s.common.now() }

// Time implements rt.Timers.
func (s *Set) Time() time.Time {
	if a := s.common.alarm; a != nil {
		return a.clock.Now()
	}
	return time.Now()
}

// Arm implements rt.Timers.
func (s *Set) Arm(t *rt.Timer, when int64) {
	q := s.ownQueue()
	if q == nil {
		q = &s.common
	}
	q.Arm(t, when)
}

// Disarm implements rt.Timers.
func (s *Set) Disarm(t *rt.Timer) bool {
	if !t.Spend() {
		return false
	}
	(*s.queues.Load())[t.Queue].disarmed()
	return true
}

// First returns the earliest of the times that First of each queue returns, or 0 if all return 0.
// It costs one load for each worker, so workers that are busy call it rarely.
//
// A timer that is armed meanwhile may be missed. It is not hidden: see the package comment. The
// steps there hold for each queue alone, because the party that arms a timer lowers first of its
// queue (Arm-A2) before it looks at what the others have published (Arm-A3).
func (s *Set) First() (first int64) {
	for _, q := range *s.queues.Load() {
		if f := q.First(); f != 0 && (first == 0 || f < first) {
			first = f
		}
	}
	return first
}

// Due reports whether a timer is due at now. The timer may be a disarmed one. It costs as much as
// First.
func (s *Set) Due(now int64) bool {
	f := s.First()
	return f != 0 && f <= now
}

// Expire is [Queue.Expire] for all queues, one after the other.
func (s *Set) Expire(now int64, batch *Batch, f func(d *rt.Task)) (n int) {
	for _, q := range *s.queues.Load() {
		n += q.Expire(now, batch, f)
	}
	return n
}

// ExpireAny fires one batch of the timers that are due, from a queue that has any.
func (s *Set) ExpireAny(now int64, batch *Batch, f func(d *rt.Task)) {
	for _, q := range *s.queues.Load() {
		if q.Due(now) && q.mu.TryLock() {
			q.fire(now, batch, len(batch.timers), f)
			return
		}
	}
}

// perTurn is how many queues Turn returns at most. A worker comes to its turn at each 61st look for
// work, so even with 256 workers every worker looks at each queue within 4,000 of its looks. Spread
// over the looks, a turn costs less than a tenth of a load.
const perTurn = 4

// Turn returns the few queues whose turn it is. The caller adds their number to turn for its next
// turn, so that after some turns it has seen all queues. It must not change the slice.
func (s *Set) Turn(turn uint32) []*Queue {
	qs := *s.queues.Load()
	i := int(turn % uint32(len(qs)))
	return qs[i:min(i+perTurn, len(qs))]
}

// Size returns the sum of Size of all queues. It costs a load for each of them.
func (s *Set) Size() (n int) {
	for _, q := range *s.queues.Load() {
		n += q.Size()
	}
	return n
}

// Len returns the sum of Len of all queues. It waits for their locks.
func (s *Set) Len() (n int) {
	for _, q := range *s.queues.Load() {
		n += q.Len()
	}
	return n
}

// Trim is [Queue.Trim] for all queues.
func (s *Set) Trim() {
	for _, q := range *s.queues.Load() {
		q.Trim()
	}
}

// Close is [Queue.Close] for all queues. NewQueue must not be called afterwards.
func (s *Set) Close() {
	for _, q := range *s.queues.Load() {
		q.Close()
	}
}

// Borrow returns an Idle timer that wakes d. The caller gives it back by Return if the timer has
// fired, and otherwise leaves it to the garbage collector.
func (s *Set) Borrow(d *rt.Task) *rt.Timer {
	t, _ := s.free.Get().(*rt.Timer)
	if t == nil {
		t = new(rt.Timer)
	}
	t.Task = d
	return t
}

// Return takes back a timer of Borrow. The timer has fired, and its task has consumed the wake-up.
// The caller must not return a disarmed timer, because its queue may still hold it.
func (s *Set) Return(t *rt.Timer) {
	t.Task, t.Fib = nil, nil
	s.free.Put(t)
}
