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

	cohort *cohort // set by Hold, before the task is counted; nil if the context cannot end

	// These are guarded by the lock of the cohort's shard. They do not use list.Links, for two
	// reasons. Those are one word longer, and a program may have very many tasks under contexts.
	// And to take the whole list, end would have to visit every element under the lock.
	life       *Life // the task, set by Attach
	prev, next *ParentContext
}

// NewUnder returns an Extra with the parent context ctx. Both are one object.
func NewUnder(ctx context.Context) *Extra {
	x := &struct {
		Extra
		u ParentContext
	}{u: ParentContext{Context: ctx}}
	x.Parents = &x.u
	return &x.Extra
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
//
// A task that ends leaves the list, under the lock. If it finds ended set, it has nothing to do and
// needs no lock: the goroutine of the end has the list, and has taken the cohort out of its shard.
// ended is never unset. So if very many tasks are cancelled together, their ends do not compete for
// the lock.
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
	// inner is the context for which Hold made the cohort, or a child of it. Package context itself
	// made it, so its methods neither panic nor wait.
	inner context.Context
	stop  func() bool // ends the watch

	// ended is set under the shard's lock, after err and cause. Once it is set, all three may be
	// read without the lock.
	ended atomicx.Bool
	err   error
	cause error

	// These are guarded by the shard's lock.
	held  int // the number of ParentContexts that hold it
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
	if err := u.Err(); err != nil {
		u.cohort = &cohort{err: err, cause: context.Cause(u.Context)}
		u.cohort.ended.Store(true)
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
			if !c.ended.Load() {
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
	if IsStd(&ctx) {
		c.inner = ctx
		c.stop = context.AfterFunc(ctx, c.end)
		return
	}
	inner, end := context.WithCancel(See(ctx))
	c.inner = inner
	stop := context.AfterFunc(inner, c.end)
	c.stop = func() bool {
		defer end()
		return stop()
	}
}

// Attach puts life gen of d under the contexts of x. d has started its life and is in no queue. If
// a context has ended already, Attach cancels d.
func (cs *Cohorts) Attach(x *Extra, d *Task, gen uint32) {
	for u := x.Parents; u != nil; u = u.Next {
		if c := u.cohort; c != nil && !c.enter(u, d.Life()) {
			cs.cancel(d, gen, c.err, c.cause)
		}
	}
}

// enter enters u, the context of life, in the list (Cohort-H3). It returns false, and does nothing,
// if the context has ended.
func (c *cohort) enter(u *ParentContext, life *Life) bool {
	if c.ended.Load() {
		return false
	}
	c.shard.mu.Lock()
	defer c.shard.mu.Unlock()
	if c.ended.Load() {
		return false
	}
	u.life, u.next = life, c.first
	if u.next != nil {
		u.next.prev = u
	}
	c.first = u
	return true
}

func (cs *Cohorts) cancel(d *Task, gen uint32, err, cause error) {
	queue, late := cs.Cancel(d, gen, err, cause)
	if queue {
		cs.Queue([]*Task{d})
	}
	late.Aside(d.Shared(), nil)
}

// CancelBatch is the number of tasks that the end of a context queues at once. It is large enough
// to spread the cost of the injector's lock, and small enough for the workers to begin while the
// canceller still cancels other tasks.
const CancelBatch = 64

// end is called when the context has ended, on a goroutine of its own.
func (c *cohort) end() {
	err, cause := c.inner.Err(), context.Cause(c.inner)
	s := c.shard
	s.mu.Lock()
	c.err, c.cause = err, cause
	c.ended.Store(true) // (Cohort-E1)
	if s.all[c.done] == c {
		delete(s.all, c.done)
	}
	u := c.first
	c.first = nil
	s.mu.Unlock()
	batch := make([]*Task, 0, CancelBatch)
	for u != nil { // this goroutine owns the links: Drop leaves those of an ended cohort alone
		next := u.next
		u.prev, u.next = nil, nil
		d := u.life.Task()
		queue, late := c.of.Cancel(d, u.life.Gen(), err, cause) // (Cohort-E2)
		late.Aside(d.Shared(), nil)
		if queue {
			if batch = append(batch, d); len(batch) == CancelBatch {
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
	if c.ended.Load() {
		return
	}
	s := c.shard
	s.mu.Lock()
	if u.life != nil && !c.ended.Load() { // u is in the list
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
	last := c.held == 0 && !c.ended.Load()
	if last && s.all[c.done] == c {
		delete(s.all, c.done)
	}
	s.mu.Unlock()
	if last {
		c.stop() // it calls no user's code: see See
	}
}
