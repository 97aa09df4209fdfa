package rt

import (
	"context"
	"hash/maphash"

	"github.com/heddle-go/heddle/internal/atomicx"
)

// A ParentContext is a context that a submission puts its task under. The task is cancelled with it
// and has its deadline and values.
type ParentContext struct {
	context.Context
	Next *ParentContext

	// Hold sets these, before the task is counted.
	cohort *cohort // nil if the context cannot end, or had ended
	err    error   // what the context had ended with, or nil
	cause  error

	// These are guarded by the lock of the cohort's shard. They do not use list.Links, for two
	// reasons. Those are one word longer, so a ParentContext would grow from 96 to 112 bytes. And
	// to take the whole list, end would have to visit every element under the lock.
	d          *Task // the task, set by Attach
	gen        uint32
	listed     bool
	prev, next *ParentContext
}

// Cohorts cancels the tasks under a context when that context ends. The tasks of one scheduler
// under contexts with the same Done channel form one cohort. A cohort is registered with the
// context once, so the end of a context costs one goroutine, and not one for each task.
//
//	submitter                               goroutine of the context's end
//	Cohort-H1  Hold: find or make the       Cohort-E1  under the lock: set ended,
//	           cohort                                  take the list
//	Cohort-H2  count and start the task     Cohort-E2  cancel the tasks of the list,
//	Cohort-H3  Attach, under the lock: if              and queue those that this
//	           ended is unset, enter the               wakes, batch by batch
//	           list
//
// Either Cohort-H3 comes before Cohort-E1, and Cohort-E2 cancels the task, or Cohort-H3 sees ended,
// and the submitter cancels the task. All methods of the user's contexts are called in Hold,
// because they may panic and the task has not been counted yet at that point. They may also wait:
// Hold runs on the submitter's behalf, and holds nothing.
type Cohorts struct {
	// Set before use. Cancel cancels a task for a context that ended with err and cause, and
	// returns what Handle.CancelFor does. Queue queues the tasks that have to be queued.
	Cancel func(d *Task, gen uint32, err, cause error) (queue bool, late *Late)
	Queue  func(ds []*Task)

	shards [16]cohortShard
}

type cohortShard struct {
	mu  atomicx.Mutex
	all map[<-chan struct{}]*cohort
	_   [48]byte // one cache line for each shard
}

type cohort struct {
	of    *Cohorts
	shard *cohortShard
	done  <-chan struct{}

	// These are set before others see the cohort.
	//
	// inner is a child of the context for which Hold made the cohort. Package context itself made
	// it, so its methods do not panic.
	inner context.Context
	stop  func() // ends the watch

	// These are guarded by the shard's lock.
	held  int // the number of ParentContexts that hold it
	ended bool
	err   error // set together with ended
	cause error
	first *ParentContext
}

var cohortSeed = maphash.MakeSeed()

// Hold makes the contexts of x ready for a task that will be under them. The caller has to call
// Attach or Drop afterwards, unless Hold panics because a method of a context does.
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
				fresh.stop()
			}
			return
		}
		s.mu.Unlock()
		fresh = &cohort{of: cs, shard: s, done: done}
		fresh.watch(u.Context)
	}
}

func (c *cohort) watch(ctx context.Context) {
	inner, end := context.WithCancel(See(ctx))
	c.inner = inner
	stop := context.AfterFunc(inner, c.end)
	c.stop = func() {
		stop()
		end()
	}
}

// Attach puts life gen of d under the contexts of x. d has started its life and is in no queue. If
// a context has ended already, Attach cancels d.
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
	queue, late := cs.Cancel(d, gen, err, cause)
	if queue {
		cs.Queue([]*Task{d})
	}
	late.Aside(d.Shared(), nil)
}

// cohortBatch is the number of tasks that the end of a context queues at once. It is large enough
// to spread the cost of the injector's lock, and small enough for the workers to begin while the
// goroutine still cancels other tasks.
const cohortBatch = 64

// end is called when the context has ended, on a goroutine of its own.
func (c *cohort) end() {
	err, cause := c.inner.Err(), context.Cause(c.inner)
	s := c.shard
	s.mu.Lock()
	c.ended, c.err, c.cause = true, err, cause // (Cohort-E1)
	if s.all[c.done] == c {
		delete(s.all, c.done)
	}
	u := c.first
	c.first = nil
	s.mu.Unlock()
	batch := make([]*Task, 0, cohortBatch)
	for u != nil { // this goroutine owns the links: Drop leaves those of an ended cohort alone
		next := u.next
		u.prev, u.next = nil, nil
		queue, late := c.of.Cancel(u.d, u.gen, err, cause) // (Cohort-E2)
		late.Aside(u.d.Shared(), nil)
		if queue {
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

// Drop stops watching the contexts of x, because the task has ended or was never started. x may be
// nil.
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
		c.stop() // it calls no user's code: see See
	}
}
