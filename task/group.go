package task

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// A Starter starts tasks: a scheduler, or a running task's [Ctx]. It can be another type that wraps one of these, to
// use GoContext for instance; then each task of a group or a future costs an extra goroutine.
type Starter interface {
	Go(fn func(c *Ctx), opts ...Option) Task
}

// A Group is a number of tasks that work on parts of one thing: its members. It has the semantics of
// golang.org/x/sync/errgroup: Wait waits for all members and returns the first error; a group that was made with a
// context cancels it when a member fails; SetLimit bounds how many members are active. But where errgroup's Wait
// always sees all members end, [Group.Wait] takes a context, and when that ends it returns early, while members still run. A
// goroutine that must not go on before them passes context.Background(), a task context.WithoutCancel(c).
//
// Both tasks and goroutines may call the methods, members included. As everywhere in heddle, what may wait takes a
// context first, which says who waits: a task passes its own Ctx, or one derived from it. With any other, such as
// context.Background() or, in a member, the group's context, it would block the thread of its worker.
//
// A member is active from Go until its function returns, except while it, or a call that it has forked, waits in Go or Wait of a
// group: meanwhile its place under the limit is lent to another member, and what else of the member runs goes on. So groups can be
// nested, members can fork, and a member can add members, at any limit, without a deadlock: a member that waits for a place or for
// members holds no place itself. (This holds for waits in groups, and for forked calls. Members that wait for each other by other
// means need a limit that lets all of them in.) Coming back, the member waits for a place, before those that are yet to start; but
// a member that is cancelled goes on without one.
//
// A Group is made by [NewGroup], where errgroup has its zero value, or by [NewGroupContext]. It can be used again after Wait, but what
// it returned once it goes on returning.
//
// Every function that Go has accepted is called, even if the group's context has ended, unless the scheduler is closed
// first or the member is cancelled from outside before it starts: then the member fails with that cause.
type Group struct {
	launcher

	ctx    context.Context // Background, or, of a group with a context:
	cancel context.CancelCauseFunc
	stop   func() bool // ends the watch over ctx

	// Changed only while there are no members.
	limit   int // -1: none
	joining bool

	members headcount

	// The latest members that the task which made the group has started: see await. That task's own.
	maker  *Ctx // or nil
	recent [8]Task
	nth    uint8 // of recent

	mu      atomicx.Mutex
	waiters waitQueue   // of Wait
	active  int         // members that have a place; counted if there is a limit
	back    waitQueue   // of members that want the place back that they have lent, a part of each
	more    waitQueue   // of Go
	first   error       // the first member's that failed
	errs    []error     // all, if joining
	panic   *PanicError // the first
	running *heir       // list of those that have started, if there is a context
	ended   bool        // the members of the list are being cancelled; those that come have to do it themselves
}

// NewGroup returns a group whose members are started by on. An error of a member does not cancel the others.
//
// If on is a task, the group may outlive it; it stands for the task's scheduler.
func NewGroup(on Starter) *Group {
	maker, _ := on.(*Ctx)
	return &Group{launcher: launcherOf("NewGroup", on), ctx: context.Background(), limit: -1, maker: maker}
}

// NewGroupContext returns a group and a context derived from ctx, which ends when a member fails, with that error as
// its cause, or when Wait has seen all members end, whichever is first. When the context ends, the members
// are cancelled with its cause; they have its values and its deadline.
//
// Members use their own Ctx for what waits. The context is for others who take part; if ctx is a task's, then in
// operations that can wait only that task may use it.
func NewGroupContext(ctx context.Context, on Starter) (*Group, context.Context) {
	if ctx == nil {
		panic("task: NewGroupContext with a nil context: use NewGroup, or context.Background()")
	}
	g := NewGroup(on)
	g.ctx, g.cancel = context.WithCancelCause(ctx)
	g.stop = context.AfterFunc(g.ctx, g.cancelMembers)
	return g, g.ctx
}

// SetLimit bounds the number of active members to n. A negative n means no limit, which is the default; 0 lets
// no member in. SetLimit panics if the group has members, and for the zero Group.
func (g *Group) SetLimit(n int) {
	g.made()
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.members.none() || g.more.first != nil {
		panic("task: Group.SetLimit while the group has members, or Go waits for a place: set the limit before the first Go, or after Wait")
	}
	g.limit = max(n, -1)
}

// JoinErrors makes Wait return the errors of all members that fail, as by errors.Join, in the order in which they came,
// instead of the first. It panics if the group has members.
func (g *Group) JoinErrors() {
	if !g.members.none() {
		panic("task: Group.JoinErrors while the group has members: call it before the first Go")
	}
	g.joining = true
}

// Go adds a member that calls fn. If the group is at its limit it waits for a place, parking the task or
// blocking the goroutine. If ctx ends first, Go returns its cause and fn will not be called; a ctx
// that has ended before Go is called counts as first. It waits likewise for room in the scheduler's queue, if that is
// limited and the caller is not one of its tasks.
//
// Called by a task of the group's scheduler, it queues the member on the task's own worker. If the scheduler is closed
// the member fails with [ErrClosed], and if the scheduler's queue is full and does not wait, with [ErrQueueFull]; Wait returns that.
func (g *Group) Go(ctx context.Context, fn func(c *Ctx) error, opts ...Option) error {
	if fn == nil {
		panic("task: Group.Go with a nil function")
	}
	c, err := Enter(ctx)
	if err != nil {
		return err
	}
	if g.limit < 0 {
		return g.add(ctx, c, fn, opts)
	}
	return g.goLimited(ctx, c, fn, opts)
}

// made panics for a Group that is none. The zero Group has the limit 0, so only those who meet a limit need to ask.
func (g *Group) made() {
	if g.none() {
		panic("task: the zero Group cannot start members: make one with NewGroup or NewGroupContext")
	}
}

func (g *Group) goLimited(ctx context.Context, c *Ctx, fn func(c *Ctx) error, opts []Option) error {
	g.made()
	g.mu.Lock()
	if g.active < g.limit {
		g.active++
		g.mu.Unlock()
		return g.add(ctx, c, fn, opts)
	}
	w := g.more.push(&g.mu, ctx, c)
	w.Why = rt.WaitPlace
	g.mu.Unlock()
	me := memberOf(c)
	if me.lend(c) { // maybe to w
		defer me.takeBack(c) // also if a method of ctx panics
	}
	if err := w.wait(); err != nil {
		return err
	}
	return g.add(ctx, c, fn, opts)
}

// TryGo is Go that does not wait: it reports false, and has done nothing, if the group is at its limit, the
// scheduler takes no submissions from outside any more, or its queue is full. The member is queued as one from outside.
func (g *Group) TryGo(fn func(c *Ctx) error, opts ...Option) bool {
	if fn == nil {
		panic("task: Group.TryGo with a nil function")
	}
	if g.limit >= 0 && !g.tryPlace() {
		return false
	}
	if g.launch(ended, nil, fn, opts) == nil {
		return true
	}
	g.undo(nil)
	return false
}

// ended is a context that has: under it nothing waits.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// Wait waits for all members to end, parking the task or blocking the goroutine. Then it ends the group's context, and
//
//   - if a member has panicked, panics with the first one's [*PanicError]; with that member's own, if it
//     was waiting for a group itself;
//   - otherwise returns the first error of a member, or all of them after [Group.JoinErrors], or nil.
//
// The error of a member whose function called runtime.Goexit is [ErrGoexit].
//
// If the caller is the task that made the group, and there is no limit, then those of the last few members which have not begun
// run next on this worker.
//
// If ctx ends first, Wait returns its cause and changes nothing: the members go on, unless it was the group's
// context, and Wait can be called again. So do not let go of what members use, on an error alone: see [Group]. A member that waits for its own group would wait for itself: that panics.
func (g *Group) Wait(ctx context.Context) error {
	c, err := Enter(ctx)
	if !g.members.none() {
		if err != nil {
			return err
		}
		if err := g.await(ctx, c); err != nil {
			return err
		}
	}
	g.mu.Lock()
	g.ended = true
	err, pe := g.first, g.panic
	if g.joining {
		err = errors.Join(g.errs...)
	}
	g.mu.Unlock()
	if g.cancel != nil {
		g.stop()
		g.cancel(err)
	}
	if pe != nil {
		panic(pe)
	}
	return err
}

// await waits until there are no members.
func (g *Group) await(ctx context.Context, c *Ctx) error {
	me := memberOf(c)
	if me != nil && me.g == g {
		panic("task: Group.Wait called by a member of the group, which would wait for itself: let the member return, and Wait outside of it")
	}
	if c != nil && c == g.maker && ctx == context.Context(c) && (me == nil || me.g.limit < 0) { // a member of a group with a limit has to lend its place first
		g.joinRecent(c)
	}
	g.mu.Lock()
	g.members.watch()
	if g.members.none() {
		if g.waiters.first == nil {
			g.members.unwatch()
		}
		g.mu.Unlock()
		return nil
	}
	w := g.waiters.push(&g.mu, ctx, c)
	w.Why = rt.WaitMembers
	g.mu.Unlock()
	if me.lend(c) {
		defer me.takeBack(c) // also if a method of ctx panics
	}
	return w.wait()
}

// A member is the function of one Go, and its place.
type member struct {
	g  *Group
	fn func(c *Ctx) error

	// Its place under the limit, which its task shares with the calls that were stolen from it: see place.go. Under g.mu once
	// the member runs.
	place bool    // it has one
	waits int32   // how many of those wait in operations of a group
	asks  *queued // the one that waits in g.back, or nil
}

// members pools those that are no heirs and that the worker does not keep: a group is often all that a program allocates while it runs,
// and then much of its time went into the collector (BenchmarkGroup). Nobody but its task knows a member, and the task forgets it
// at the end of run.
var members = sync.Pool{New: func() any { return new(member) }}

// spareMember returns a member that has run, or a new one. c is the running task, or nil.
func spareMember(c *Ctx) *member {
	if c != nil {
		if m, ok := c.desc().Worker().Spare().(*member); ok {
			return m
		}
	}
	return members.Get().(*member)
}

// An heir is a member of a group with a context, which cancels it.
type heir struct {
	member
	ext rt.Ext // the task's

	// Under the group's mu.
	task       Task
	listed     bool
	next, prev *heir
}

// launch counts a member and starts it. Its place, if there is a limit, has been taken. With an error it has not been started, and is
// to be taken back. If a method of a user's context panics, launch takes it back itself.
func (g *Group) launch(by context.Context, c *Ctx, fn func(c *Ctx) error, opts []Option) error {
	if _, own := by.(*Ctx); own && len(opts) == 0 {
		return g.enter(by, c, fn, opts)
	}
	returned := false
	defer func() {
		if !returned {
			g.undo(c)
		}
	}()
	err := g.enter(by, c, fn, opts)
	returned = true
	return err
}

// enter is launch, without a care for panics.
func (g *Group) enter(by context.Context, c *Ctx, fn func(c *Ctx) error, opts []Option) error {
	g.members.enter()
	if g.cancel == nil {
		m := spareMember(c)
		m.g, m.fn, m.place = g, fn, g.limit >= 0
		t, err := g.start(by, c, m, extOf(opts), opts)
		g.note(c, t)
		return err
	}
	h := &heir{member: member{g: g, fn: fn, place: g.limit >= 0}}
	h.ext.Parent = g.ctx
	addTo(&h.ext, opts)
	t, err := g.start(by, c, h, &h.ext, opts)
	g.note(c, t)
	return err
}

// note notes t, which c has started, for await.
func (g *Group) note(c *Ctx, t Task) {
	if c != nil && c == g.maker {
		g.recent[g.nth%uint8(len(g.recent))] = t
		g.nth++
	}
}

// joinRecent waits for those of the latest members that have not begun, one after the other, so that each runs next.
func (g *Group) joinRecent(c *Ctx) {
	for i, t := range g.recent {
		g.recent[i] = Task{}
		if t.d != nil && t.d.Status().Fresh(t.gen) {
			_ = t.join(c, rt.WaitMembers, rt.ForWake) // the member's error is the group's; that of c, await meets again
		}
	}
}

// add adds a member, which fails if the scheduler refuses it. It returns an error, and has not added it, if ctx, the
// caller's, has ended before the scheduler had room.
func (g *Group) add(ctx context.Context, c *Ctx, fn func(c *Ctx) error, opts []Option) error {
	err := g.launch(ctx, c, fn, opts)
	if err == nil {
		return nil
	}
	if err == ErrClosed || err == ErrQueueFull {
		g.fail(err)
		err = nil
	}
	g.undo(c)
	return err
}

// undo takes back a member that was not started. by is the running task, or nil.
func (g *Group) undo(by *Ctx) {
	if g.limit >= 0 {
		g.release(by)
	}
	g.leave(by)
}

// memberOf returns the member that a task is, or nil.
func memberOf(c *Ctx) *member {
	if c == nil {
		return nil
	}
	switch m := launchedOf(c).(type) {
	case *member:
		return m
	case *heir:
		return &m.member
	}
	return nil
}

// Run implements rt.Runner.
func (m *member) Run(d *rt.Desc) { m.run((*Ctx)(d), nil) }

// Run implements rt.Runner.
func (h *heir) Run(d *rt.Desc) {
	h.enlist((*Ctx)(d))
	h.run((*Ctx)(d), h)
}

// run is the task's function. h is the heir that m is, or nil.
func (m *member) run(c *Ctx, h *heir) {
	returned := false
	var err error
	defer func() {
		if !returned {
			err = failure(c, recover())
		}
		if n := settleTask(c); n > 0 && returned {
			err = &PanicError{Value: rt.UnjoinedText(n), Stack: debug.Stack()}
		}
		if h != nil {
			h.delist()
		}
		m.end(c, err)
		if h == nil {
			m.g, m.fn = nil, nil
			if !c.desc().Worker().Keep(m) {
				members.Put(m)
			}
		}
	}()
	err = m.fn(c)
	returned = true
}

// Skip implements rt.Runner.
func (m *member) Skip(d *rt.Desc) { m.skip(d.Cause(context.Canceled, ErrClosed)) }

func (m *member) skip(cause error) { m.end(nil, cause) }

// end is a member's end. c is its task, if that has run.
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

// fail records a member's error, and cancels if it is the first.
func (g *Group) fail(err error) {
	g.mu.Lock()
	first := g.first == nil
	if first {
		g.first = err
	}
	if g.joining {
		g.errs = append(g.errs, err)
	}
	if pe, ok := err.(*PanicError); ok && g.panic == nil {
		g.panic = pe
	}
	g.mu.Unlock()
	if first && g.cancel != nil {
		g.stop()
		g.cancel(err)
		g.cancelMembers()
	}
}

// leave takes one off the number of members. by is the running task, or nil.
func (g *Group) leave(by *Ctx) {
	if !g.members.leave() {
		return
	}
	var list *queued
	g.mu.Lock()
	if g.members.none() {
		g.members.unwatch()
		list = g.waiters.takeAll()
	}
	g.mu.Unlock()
	wakeAll(list, by)
}

// enlist enters a member that has started where cancelMembers finds it.
func (h *heir) enlist(c *Ctx) {
	g := h.g
	g.mu.Lock()
	h.task = c.Task()
	ended := g.ended
	if !ended {
		h.listed = true
		h.next = g.running
		if h.next != nil {
			h.next.prev = h
		}
		g.running = h
	}
	g.mu.Unlock()
	if ended || g.ctx.Err() != nil { // who ends the context comes to cancelMembers only afterwards
		h.task.cancel(g.ctx.Err(), context.Cause(g.ctx))
	}
}

// delist takes back enlist.
func (h *heir) delist() {
	g := h.g
	g.mu.Lock()
	defer g.mu.Unlock()
	if !h.listed {
		return
	}
	h.listed = false
	if h.prev == nil {
		g.running = h.next
	} else {
		h.prev.next = h.next
	}
	if h.next != nil {
		h.next.prev = h.prev
	}
	h.next, h.prev = nil, nil
}

// cancelMembers cancels the members when the group's context has ended. Either it finds a member in the list, or
// the member finds ended set.
func (g *Group) cancelMembers() {
	g.mu.Lock()
	g.ended = true
	var ts []Task
	for m := g.running; m != nil; m = m.next {
		ts = append(ts, m.task)
	}
	g.mu.Unlock()
	err, cause := g.ctx.Err(), context.Cause(g.ctx)
	for _, t := range ts {
		t.cancel(err, cause)
	}
}
