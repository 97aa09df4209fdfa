package task

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
)

// A Starter starts tasks: a scheduler, or a running task's [Ctx]. It can be another type that wraps one of these, to
// use GoContext for instance; then each task of a group or a future costs an extra goroutine.
type Starter interface {
	Go(fn func(c *Ctx), opts ...Option) Task
}

// A Group is golang.org/x/sync/errgroup for tasks: a number of tasks, its members, that work on parts of one thing. Wait returns when
// all members have ended, with the first error; a group that was made with a context cancels it when a member fails; SetLimit bounds
// how many members are active.
//
// The zero Group is ready for use by tasks: it has no context and no limit, and starts each member on the scheduler of the task that
// calls Go. Its Go and TryGo panic in a goroutine that is no task; there use [NewGroup]. A Group must not be copied. It can be used
// again after Wait, but an error that it returned once it goes on returning.
//
// Tasks and goroutines may call the methods, members included. A wait parks the calling task or blocks the calling goroutine.
//
// A member is active from Go until its function returns, except while it, or a call that it has forked, waits in Go or Wait of a
// group: meanwhile its place under the limit is lent to another member, and what else of the member runs goes on. So groups can be
// nested, members can fork, and a member can add members, at any limit, without a deadlock. (Members that wait for each other by other
// means need a limit that lets all of them in.) Coming back, the member waits for a place, before those that are yet to start; but
// a member that is cancelled goes on without one.
//
// Every function that Go has accepted is called, even if the group's context has ended, unless the scheduler is closed
// first or the member is cancelled from outside before it starts: then the member fails with that cause.
type Group struct {
	launcher // none in the zero Group: see enterZero

	ctx    context.Context // nil, or, of a group with a context:
	cancel context.CancelCauseFunc
	stop   func() bool // ends the watch over ctx

	// Changed only while there are no members.
	limited bool
	limit   int // if limited
	joining bool

	members memberCount

	// The task that made the group, or nil; of the zero Group, the first task that adds a member. The latest members that it has
	// started are its own: see await.
	maker  atomicx.Pointer[Ctx]
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
	running *ctxMember  // list of those that have started, if there is a context
	ended   bool        // the members of the list are being cancelled; those that come have to do it themselves
}

// NewGroup returns a group whose members are started by on. An error of a member does not cancel the others.
//
// If on is a task, the group may outlive it; it stands for the task's scheduler.
func NewGroup(on Starter) *Group {
	g := &Group{launcher: launcherOf("NewGroup", on)}
	if maker, ok := on.(*Ctx); ok {
		g.maker.Store(maker)
	}
	return g
}

// NewGroupContext returns a group and a context derived from ctx, which ends when a member fails, with that error as
// its cause, or when Wait has seen all members end, whichever is first. When the context ends, the members
// are cancelled with its cause; they have its values and its deadline. Members may wait under the context or under
// their own Ctx, which is cheaper: both end together.
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
// no member in. SetLimit panics if the group has members.
func (g *Group) SetLimit(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.members.none() || g.more.first != nil {
		panic("task: Group.SetLimit while the group has members, or Go waits for a place: set the limit before the first Go, or after Wait")
	}
	g.limited, g.limit = n >= 0, n
}

// JoinErrors makes Wait return the errors of all members that fail, as by errors.Join, in the order in which they came,
// instead of the first. It panics if the group has members.
func (g *Group) JoinErrors() {
	if !g.members.none() {
		panic("task: Group.JoinErrors while the group has members: call it before the first Go")
	}
	g.joining = true
}

// Go adds a member that calls fn. If the group is at its limit, Go waits for a place, parking the task or blocking the goroutine.
// It waits likewise for room in the scheduler's queue, if that is limited and the caller is not one of its tasks. Nothing else ends
// these waits, not even the caller's cancellation: see [Group.GoContext].
//
// Called by a task of the group's scheduler, it queues the member on the task's own worker. If the scheduler is closed
// the member fails with [ErrClosed], and if the scheduler's queue is full and does not wait, with [ErrQueueFull]; Wait returns that.
func (g *Group) Go(fn func(c *Ctx) error, opts ...Option) {
	if fn == nil {
		panic(nilMember)
	}
	c := g.maker.Load() // mostly the caller, which it can say faster than caller can
	if c == nil || !c.record().IsCurrent() {
		c = (*Ctx)(wait.Caller(background))
	}
	if c != nil {
		c.Checkpoint()
	}
	_ = g.goUntil(background, c, fn, opts)
}

const nilMember = "task: Group.Go with a nil function"

// GoContext is [Group.Go] that waits only until ctx ends: then it returns the cause, and fn will not be called. A ctx
// that has ended before GoContext is called counts as first. With a nil error the member has been added.
func (g *Group) GoContext(ctx context.Context, fn func(c *Ctx) error, opts ...Option) error {
	if fn == nil {
		panic(nilMember)
	}
	c, err := enter(ctx)
	if err != nil {
		return err
	}
	return g.goUntil(ctx, c, fn, opts)
}

// goUntil is GoContext by c, or by a goroutine if that is nil.
func (g *Group) goUntil(ctx context.Context, c *Ctx, fn func(c *Ctx) error, opts []Option) error {
	if c == nil && g.none() {
		panic(zeroGroup)
	}
	if !g.limited {
		return g.add(ctx, c, fn, opts)
	}
	return g.goLimited(ctx, c, fn, opts)
}

const zeroGroup = "task: the zero Group used by a goroutine that is no task has no scheduler to start members on: make the Group with NewGroup or NewGroupContext"

func (g *Group) goLimited(ctx context.Context, c *Ctx, fn func(c *Ctx) error, opts []Option) error {
	g.mu.Lock()
	if g.active < g.limit {
		g.active++
		g.mu.Unlock()
		return g.add(ctx, c, fn, opts)
	}
	w := g.more.push(&g.mu, ctx, c)
	w.Reason = rt.WaitPlace
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
	if g.none() {
		if c, ok := Current(); ok {
			return g.tryGo(c, fn, opts)
		}
		panic(zeroGroup)
	}
	return g.tryGo(nil, fn, opts)
}

// tryGo is TryGo. c is the caller if the group is a zero Group.
func (g *Group) tryGo(c *Ctx, fn func(c *Ctx) error, opts []Option) bool {
	if g.limited && !g.tryPlace() {
		return false
	}
	if g.launch(ended, c, fn, opts) == nil {
		return true
	}
	g.undo(c)
	return false
}

// ended is a context that has: under it nothing waits.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// Wait waits until all members have ended, parking the task or blocking the goroutine. Nothing else ends the wait, not even the
// caller's cancellation; so what only members used is free after it. Then it ends the group's context, and
//
//   - if a member has panicked, panics with the first one's [*PanicError]; with that member's own, if it
//     was waiting for a group itself;
//   - otherwise returns the first error of a member, or all of them after [Group.JoinErrors], or nil.
//
// The error of a member whose function called runtime.Goexit is [ErrGoexit].
//
// If the caller is the task that made the group, and there is no limit, then those of the last few members which have not begun
// run next on this worker. A member that waits for its own group would wait for itself: that panics.
func (g *Group) Wait() error { return g.WaitContext(background) }

// WaitContext is [Group.Wait] that gives up when ctx ends: then it returns the cause and changes nothing. The members go on, unless
// ctx was the group's context, and use what they use; WaitContext and Wait can be called again.
func (g *Group) WaitContext(ctx context.Context) error {
	c, err := enter(ctx)
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
	if c != nil && c == g.maker.Load() && (me == nil || !me.g.limited) { // a member of a group with a limit has to lend its place first
		switch ctx {
		case context.Context(c):
			g.joinRecent(c, rt.ForWake)
		case background:
			g.joinRecent(c, rt.ForWakeOnly)
		}
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
	w.Reason = rt.WaitMembers
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

// members pools those that are not bound to a context and that the worker does not keep: a group is often all that a program allocates while it runs,
// and then much of its time went into the collector (BenchmarkGroup). Nobody but its task knows a member, and the task forgets it
// at the end of run.
var members = sync.Pool{New: func() any { return new(member) }}

// spareMember returns a member that has run, or a new one. c is the running task, or nil.
func spareMember(c *Ctx) *member {
	if c != nil {
		if m, ok := c.record().Worker().Spare().(*member); ok {
			return m
		}
	}
	return members.Get().(*member)
}

// An ctxMember is a member of a group with a context, which cancels it.
type ctxMember struct {
	member
	extra rt.Extra // the task's

	// Under the group's mu.
	task       Task
	listed     bool
	next, prev *ctxMember
}

// launch counts a member and starts it. Its place, if there is a limit, has been taken. With an error it has not been started, and is
// to be taken back. If a method of a user's context panics, launch takes it back itself.
func (g *Group) launch(by context.Context, c *Ctx, fn func(c *Ctx) error, opts []Option) error {
	if _, own := by.(*Ctx); (own || by == background) && len(opts) == 0 || g.on != nil { // startForeign skips the member itself
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
		m.g, m.fn, m.place = g, fn, g.limited
		if g.none() {
			return g.enterZero(by, c, m, extraOf(opts), opts)
		}
		t, err := g.start(by, c, m, extraOf(opts), opts)
		g.note(c, t)
		return err
	}
	h := &ctxMember{member: member{g: g, fn: fn, place: g.limited}}
	h.extra.Owner = g.ctx
	addTo(&h.extra, opts)
	t, err := g.start(by, c, h, &h.extra, opts)
	g.note(c, t)
	return err
}

// enterZero starts m, which has been counted, for the zero Group: on the scheduler of c.
func (g *Group) enterZero(by context.Context, c *Ctx, m *member, x *rt.Extra, opts []Option) error {
	on := launcher{sched: c.record().Shared().Sched}
	if by == ended { // of TryGo
		_, err := on.start(by, nil, m, x, opts)
		return err
	}
	if g.maker.Load() == nil {
		g.maker.CompareAndSwap(nil, c)
	}
	t, err := on.start(by, c, m, x, opts)
	g.note(c, t)
	return err
}

// note notes t, which c has started, for await.
func (g *Group) note(c *Ctx, t Task) {
	if c != nil && c == g.maker.Load() {
		g.recent[g.nth%uint8(len(g.recent))] = t
		g.nth++
	}
}

// joinRecent waits for those of the latest members that have not begun, one after the other, so that each runs next. k is what
// ends the waits.
func (g *Group) joinRecent(c *Ctx, k rt.Park) {
	for i, t := range g.recent {
		g.recent[i] = Task{}
		if t.record() != nil && t.record().Status().Fresh(t.life()) {
			_ = t.join(c, rt.WaitMembers, k) // the member's error is the group's; that of c, await meets again
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
	if g.limited {
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
	case *ctxMember:
		return &m.member
	}
	return nil
}

// Run implements rt.Runner.
func (m *member) Run(d *rt.Task) { m.run((*Ctx)(d), nil) }

// Run implements rt.Runner.
func (h *ctxMember) Run(d *rt.Task) {
	h.enlist((*Ctx)(d))
	h.run((*Ctx)(d), h)
}

// run is the task's function. h is the ctxMember that m is, or nil.
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
			h.delist()
		}
		m.end(c, err)
		if h == nil {
			m.g, m.fn = nil, nil
			if !c.record().Worker().Keep(m) {
				members.Put(m)
			}
		}
	}()
	err = m.fn(c)
	returned = true
}

// Skip implements rt.Runner.
func (m *member) Skip(d *rt.Task) { m.skip(d.Cause(context.Canceled, ErrClosed)) }

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
func (h *ctxMember) enlist(c *Ctx) {
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
func (h *ctxMember) delist() {
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
