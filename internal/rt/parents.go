package rt

import (
	"context"
	"hash/maphash"

	"github.com/heddle-go/heddle/internal/atomicx"
)

// A ParentContext is a context that a submission has put its task under: the task is cancelled with it and has its
// deadline and values.
type ParentContext struct {
	context.Context
	Next *ParentContext

	// Set by Hold, before the task is counted.
	cohort *cohort // nil if the context cannot end, or had ended
	err    error   // the context had ended, with
	cause  error

	// Under the lock of the cohort's shard.
	d          *Task // the task, set by Attach
	gen        uint32
	listed     bool
	prev, next *ParentContext
}

// Cohorts has tasks cancelled when contexts end that they are under. The tasks of one scheduler that are under
// contexts with the same Done channel are one cohort. It is registered with the context once, so the end of a context
// costs one goroutine, and not one for each task.
//
//	submitter                            goroutine of the context's end
//	H1 Hold: find or make the cohort     E1 under the lock: set ended, take the list
//	H2 count and start the task          E2 cancel the tasks of the list, and queue
//	H3 Attach: under the lock: look at      those that this wakes, batch by batch
//	   ended, else enter the list
//
// Either H3 comes before E1, and E2 cancels the task; or H3 sees ended, and the submitter cancels it. Hold calls all
// methods of the user's contexts. They may panic: then the task has not been counted.
type Cohorts struct {
	// Set before use. Cancel cancels a task with what Err and Cause of the context returned, and reports whether the
	// caller has to queue the task. Queue queues such tasks.
	Cancel func(d *Task, gen uint32, err, cause error) (queue bool)
	Queue  func(ds []*Task)

	shards [16]cohortShard
}

type cohortShard struct {
	mu  atomicx.Mutex
	all map[<-chan struct{}]*cohort
	_   [48]byte // a cache line each
}

type cohort struct {
	of    *Cohorts
	shard *cohortShard
	done  <-chan struct{}

	// Set before others see the cohort.
	inner context.Context // below the first context that had this channel. It is package context's, so it does not panic
	stop  func()          // ends the watch

	// Under the shard's lock.
	held  int // how many Unders hold it
	ended bool
	err   error // with ended
	cause error
	first *ParentContext
}

var cohortSeed = maphash.MakeSeed()

// Hold prepares for a task that is under the contexts of x. Attach or Drop has to follow, unless Hold panics, as the
// methods of the contexts may.
func (cs *Cohorts) Hold(x *Extra) {
	held := false
	defer func() {
		if !held {
			x.Drop()
		}
	}()
	for u := x.Parents; u != nil; u = u.Next {
		cs.hold(u)
	}
	held = true
}

func (cs *Cohorts) hold(u *ParentContext) {
	if u.err = u.Err(); u.err != nil {
		u.cause = context.Cause(u.Context)
		return
	}
	done := u.Done()
	if done == nil {
		return
	}
	s := &cs.shards[maphash.Comparable(cohortSeed, done)%uint64(len(cs.shards))]
	var fresh *cohort
	for {
		s.mu.Lock()
		c := s.all[done]
		if c == nil && fresh != nil {
			c = fresh
			if !c.ended {
				if s.all == nil {
					s.all = make(map[<-chan struct{}]*cohort)
				}
				s.all[done] = c
			}
		}
		if c != nil {
			c.held++
			u.cohort = c
			s.mu.Unlock()
			if fresh != nil && fresh != c {
				quietly(fresh.stop)
			}
			return
		}
		s.mu.Unlock()
		fresh = &cohort{of: cs, shard: s, done: done}
		fresh.watch(u.Context)
	}
}

func (c *cohort) watch(ctx context.Context) {
	inner, end := context.WithCancel(ctx)
	c.inner = inner
	stop := context.AfterFunc(inner, c.end)
	c.stop = func() {
		stop()
		end()
	}
}

// Attach puts life gen of d, which has been started and not been queued, under the contexts of x. It may cancel it.
func (cs *Cohorts) Attach(x *Extra, d *Task, gen uint32) {
	for u := x.Parents; u != nil; u = u.Next {
		c := u.cohort
		if c == nil {
			if u.err != nil {
				cs.cancel(d, gen, u.err, u.cause)
			}
			continue
		}
		c.shard.mu.Lock()
		u.d, u.gen = d, gen
		ended := c.ended
		if !ended {
			u.listed, u.next = true, c.first
			if u.next != nil {
				u.next.prev = u
			}
			c.first = u
		}
		c.shard.mu.Unlock()
		if ended {
			cs.cancel(d, gen, c.err, c.cause)
		}
	}
}

func (cs *Cohorts) cancel(d *Task, gen uint32, err, cause error) {
	if cs.Cancel(d, gen, err, cause) {
		cs.Queue([]*Task{d})
	}
}

// cohortBatch is how many tasks the end of a context queues at once: enough to make the injector's lock cheap, few enough that
// the workers begin while the goroutine still cancels.
const cohortBatch = 64

// end is called when the context has ended, by a goroutine of its own.
func (c *cohort) end() {
	err, cause := c.inner.Err(), context.Cause(c.inner)
	s := c.shard
	s.mu.Lock()
	c.ended, c.err, c.cause = true, err, cause // (E1)
	if s.all[c.done] == c {
		delete(s.all, c.done)
	}
	u := c.first
	c.first = nil
	s.mu.Unlock()
	batch := make([]*Task, 0, cohortBatch)
	for u != nil { // the links are this goroutine's: Drop leaves those of an ended cohort alone
		next := u.next
		u.prev, u.next = nil, nil
		if c.of.Cancel(u.d, u.gen, err, cause) { // (E2)
			if batch = append(batch, u.d); len(batch) == cohortBatch {
				c.of.Queue(batch)
				batch = batch[:0]
			}
		}
		u = next
	}
	if len(batch) > 0 {
		c.of.Queue(batch)
	}
}

// Drop ends the watch over the contexts of x: the task has ended, or there never was one.
func (x *Extra) Drop() {
	if x == nil {
		return
	}
	for u := x.Parents; u != nil; u = u.Next {
		if u.cohort != nil {
			u.cohort.leave(u)
			u.cohort = nil
		}
	}
}

func (c *cohort) leave(u *ParentContext) {
	s := c.shard
	s.mu.Lock()
	if u.listed && !c.ended {
		if u.prev == nil {
			c.first = u.next
		} else {
			u.prev.next = u.next
		}
		if u.next != nil {
			u.next.prev = u.prev
		}
		u.prev, u.next = nil, nil
	}
	c.held--
	last := c.held == 0 && !c.ended
	if last && s.all[c.done] == c {
		delete(s.all, c.done)
	}
	s.mu.Unlock()
	if last {
		quietly(c.stop)
	}
}

// quietly calls f, which takes back what is registered with a context above, and so may call methods of a user's context. The
// caller ends or cancels a task, and must not panic. If such a method does, the entry stays until that context ends, and
// has no effect.
func quietly(f func()) {
	defer func() { _ = recover() }()
	f()
}
