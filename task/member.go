package task

import (
	"context"
	"runtime/debug"
	"sync"

	"github.com/heddle-go/heddle/internal/list"
	"github.com/heddle-go/heddle/internal/rt"
)

// A member is the function of one Go, and its place under the limit.
type member struct {
	g  *Group
	fn func(c *Ctx) error

	// The member's place under the limit. The member's task and the calls stolen from that task
	// share the place: see place.go. These fields are under g.mu once the member runs.
	place bool    // the member has a place
	waits int32   // how many of the task and its calls wait in operations of a group
	asks  *queued // the wait in g.back, or nil
}

// members pools the members that have no context and that the worker does not keep. A group is
// often all that a program allocates while it runs, and without the pool much of the time went into
// the garbage collector (BenchmarkGroup). Pooling is safe because only the member's task refers to
// the member, and the task forgets it at the end of run.
var members = sync.Pool{New: func() any { return new(member) }}

// spareMember returns a member that has ended, or a new one. c is the running task, or nil.
func spareMember(c *Ctx) *member {
	if c != nil {
		if m, ok := c.record().Worker().Spare().(*member); ok {
			return m
		}
	}
	return members.Get().(*member)
}

// A ctxMember is a member of a group with a context. The end of the context cancels it.
type ctxMember struct {
	list.Links[ctxMember] // of running; under the group's mu
	member
	task Task // under the group's mu
}

// ctxMembers pools the members of groups with a context: see delist.
var ctxMembers = sync.Pool{New: func() any { return new(ctxMember) }}

// memberOf returns the member that d belongs to: d is the member's task, or a call stolen from that
// task. memberOf returns nil if d is nil, or belongs to no member.
func memberOf(d *rt.Task) *member {
	if d == nil {
		return nil
	}
	switch m := launchedOf(d).(type) {
	case *member:
		return m
	case *ctxMember:
		return &m.member
	}
	return nil
}

// Run implements rt.Runner.
func (m *member) Run(d *rt.Task) { m.run((*Ctx)(d.Life()), nil) }

// Run implements rt.Runner.
func (h *ctxMember) Run(d *rt.Task) {
	c := (*Ctx)(d.Life())
	h.enlist(c)
	h.run(c, h)
}

// run is the function of the member's task. h is the ctxMember that contains m, or nil.
func (m *member) run(c *Ctx, h *ctxMember) {
	returned := false
	var err error
	defer func() {
		if !returned {
			err = failure(c, recover())
		}
		if n := unwindForks(c); n > 0 && returned {
			err = &PanicError{Value: rt.UnjoinedText(n), Stack: debug.Stack()}
		}
		if h != nil {
			h.finish(c, err)
			return
		}
		m.end(c, err)
		m.g, m.fn = nil, nil
		if !c.record().Worker().Keep(m) {
			members.Put(m)
		}
	}()
	err = m.fn(c)
	returned = true
}

// Skip implements rt.Runner.
func (m *member) Skip(d *rt.Task) { m.skip(d.Cause(context.Canceled, ErrClosed)) }

func (m *member) skip(cause error) { m.end(nil, cause) }

// end ends the member. c is the member's task, or nil if it has not run.
func (m *member) end(c *Ctx, err error) {
	g := m.g
	if err != nil {
		g.fail(err)
	}
	if m.place {
		g.release(c)
	}
	g.leave(c)
}

// enlist puts a member that has started into the list that cancelMembers reads.
func (h *ctxMember) enlist(c *Ctx) {
	g := h.g
	g.mu.Lock()
	h.task = c.Task()
	ended := g.ctxEnded
	if !ended {
		g.running.Push(h)
	}
	g.mu.Unlock()
	if ended || g.ctx.Err() != nil { // the context may have ended before cancelMembers is called
		h.task.cancel(g.ctx.Err(), context.Cause(g.ctx))
	}
}

// finish is end for a member that has enlisted.
func (h *ctxMember) finish(c *Ctx, err error) {
	reusable := h.delist()
	h.end(c, err)
	if reusable { // (Drain-M3)
		h.g, h.fn, h.task = nil, nil, Task{}
		ctxMembers.Put(h)
	}
}

// delist takes the member out of the list again, and reports whether nothing refers to it any more.
// If cancelMembers takes all members out, delist leaves that to it and returns false.
//
//	member that ends                       cancelMembers
//	Drain-M1  load draining; if it is      Drain-C1  under mu: set draining; take members
//	          set, leave all as it is                out of the list, and copy their handles
//	Drain-M2  under mu: leave the list,    Drain-C2  cancel by the handles
//	          if it is still in it
//	Drain-M3  pool the member
//
// Besides the member's task only the list refers to the member, and Drain-C1 does not keep what it
// takes out. So after Drain-M2 nothing does. A member that has seen draining may still be in the
// list, and is left to the garbage collector.
func (h *ctxMember) delist() bool {
	g := h.g
	if g.draining.Load() { // (Drain-M1)
		return false
	}
	g.mu.Lock() // (Drain-M2)
	h.Leave()
	g.mu.Unlock()
	return true
}
