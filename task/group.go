package task

import (
	"context"
	"errors"
	"runtime/pprof"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/list"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
)

// A Starter starts tasks. It is a scheduler or a running task's [Ctx]. It can also be a type that
// wraps one of these, for example to call GoContext. In that case each task of a group or a future
// costs an extra goroutine.
type Starter interface {
	Go(fn func(c *Ctx), opts ...Option) Task
}

// A Group is golang.org/x/sync/errgroup for tasks: a number of tasks, its members, that work on
// parts of one job. Wait returns when all members have ended, with the first error. A group that
// was made with a context cancels the context when a member fails. SetLimit bounds how many members
// are active.
//
// The zero Group is ready for use by tasks. It has no context and no limit, and starts each member
// on the scheduler of the task that calls Go. Its Go and TryGo panic if the caller is a goroutine
// that is not a task: use [NewGroup] there. A Group must not be copied. It can be used again after
// Wait, but an error that Wait has returned once is returned by every later Wait.
//
// Tasks and goroutines may call the methods, and so may the members. A wait parks the calling task
// or blocks the calling goroutine.
//
// A member is active from Go until its function returns, except while it, or a call that it forked,
// waits in Go or Wait of a group. During such a wait the member lends its place under the limit to
// another member, and the rest of the member keeps running. So groups can be nested, members can
// fork, and a member can add members, at any limit, without a deadlock. (Members that wait for each
// other in other ways need a limit that lets all of them in.) After the wait, the member waits for
// a place, ahead of the members that have not started. A member that is cancelled goes on without a
// place. If a function of the member's [Ctx.Blocking] waits in Go or Wait, the member lends no
// place. So wait for groups outside of Blocking.
//
// The group calls every function that Go has accepted, even if the group's context has ended. There
// are two exceptions: the scheduler is closed first, or the member is cancelled from outside before
// it starts. Then the member fails with that cause.
type Group struct {
	launcher // empty in the zero Group: see enterZero

	ctx    context.Context // nil in a group without a context, as are the next three
	cancel context.CancelCauseFunc
	stop   func() bool // stops watching ctx
	extra  *rt.Extra   // of the members that have no options

	// These change only while the group has no members.
	limited bool
	limit   int // valid if limited
	joining bool

	members memberCount

	// maker is the task that made the group, or nil if a goroutine made it. The maker of a zero
	// Group is the first task that added a member. recent has the latest members that the maker has
	// started, for joinRecent. Only the maker uses recent and nth.
	maker  atomicx.Pointer[Ctx]
	recent [8]Task
	nth    uint8 // number of members noted in recent, modulo 256

	mu       atomicx.Mutex
	waiters  waitQueue   // callers of Wait
	active   int         // members that have a place; counted only if there is a limit
	back     waitQueue   // parts of members that wait for the place they lent: see place.go
	more     waitQueue   // callers of Go
	first    error       // error of the first member that failed
	errs     []error     // errors of all members that failed, if joining
	panic    *PanicError // the first panic of a member
	ctxEnded bool        // set before cancelMembers reads running; later members cancel themselves

	running list.List[ctxMember] // members that have started, if there is a context; under mu

	// Thanks to these, the members of a cancelled group need not lock mu when they end. failed is
	// set with first. draining says that cancelMembers takes all members out of running.
	failed, draining atomicx.Bool
}

// NewGroup returns a group whose members are started by on. An error of a member does not cancel
// the others.
//
// If on is a task's Ctx, it stands for the task's scheduler, and the group may outlive the task.
func NewGroup(on Starter) *Group {
	g := &Group{launcher: launcherOf("NewGroup", on)}
	if maker, ok := on.(*Ctx); ok {
		g.maker.Store(maker)
	}
	return g
}

// NewGroupContext returns a group and a context derived from ctx. The context ends when a member
// fails, with the member's error as its cause, or when Wait has seen all members end, whichever
// happens first. When the context ends, the members are cancelled with its cause. They have its
// values and its deadline. A member may wait under the context or under its own Ctx, which is
// cheaper: both end together.
func NewGroupContext(ctx context.Context, on Starter) (*Group, context.Context) {
	if ctx == nil {
		panic("task: NewGroupContext with a nil context: use NewGroup, or context.Background()")
	}
	g := NewGroup(on)
	g.ctx, g.cancel = context.WithCancelCause(ctx)
	g.stop = context.AfterFunc(g.ctx, g.cancelMembers)
	bare := isBare(ctx)
	g.extra = rt.NewShared(g.ctx, bare, !bare && hasLabels(ctx))
	return g, g.ctx
}

// hasLabels reports whether ctx may have profiler labels. If a method of a user's context panics,
// it may.
func hasLabels(ctx context.Context) (has bool) {
	defer func() { has = has || recover() != nil }()
	pprof.ForLabels(ctx, func(string, string) bool {
		has = true
		return false
	})
	return has
}

// isBare reports whether ctx is known to have neither values nor a deadline. A Starter of the user's
// may make a group under its task's Ctx, and only then call the function of another group's member.
// That gives the Ctx values which isBare cannot know of.
func isBare(ctx context.Context) bool {
	if c, ok := ctx.(*Ctx); ok {
		return c.life().Extra().Bare()
	}
	return ctx == background || ctx == context.TODO()
}

// SetLimit bounds the number of active members to n. A negative n means no limit, which is the
// default. 0 lets no member in. SetLimit panics if the group has members.
func (g *Group) SetLimit(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.members.none() || g.more.First != nil {
		panic("task: Group.SetLimit while the group has members, or Go waits for a place: set the limit before the first Go, or after Wait")
	}
	g.limited, g.limit = n >= 0, n
}

// JoinErrors makes Wait return the errors of all members that fail, joined as by errors.Join in the
// order in which they failed, instead of the first error. It panics if the group has members.
func (g *Group) JoinErrors() {
	if !g.members.none() {
		panic("task: Group.JoinErrors while the group has members: call it before the first Go")
	}
	g.joining = true
}

// Go adds a member that calls fn. If the group is at its limit, Go waits for a place, parking the
// task or blocking the goroutine. It also waits for room in the scheduler's queue, if the queue is
// limited and the caller is not a task of the scheduler. Nothing else ends these waits, not even
// the caller's cancellation: see [Group.GoContext].
//
// If the caller is a task of the group's scheduler, Go queues the member on the task's own worker.
// If the scheduler is closed, the member fails with [ErrClosed]. If the scheduler's queue is full
// and its policy is not to wait, the member fails with [ErrQueueFull]. Wait returns these errors.
func (g *Group) Go(fn func(c *Ctx) error, opts ...Option) {
	if fn == nil {
		panic(nilMember)
	}
	c := g.maker.Load() // usually the caller
	if d := wait.MayEnter(c.life()); d == nil {
		c = g.caller(c)
	} else if !g.limited && len(opts) == 0 {
		g.goMaker(d, fn)
		return
	}
	_ = g.goUntil(background, c, fn, opts)
}

// caller returns the calling task, or nil for a goroutine. For a task it is a yield point. It looks
// for the task c first, which is faster than wait.Caller.
func (g *Group) caller(c *Ctx) *Ctx {
	if !c.life().IsCurrent() {
		c = (*Ctx)(rt.LifeOf(wait.Caller(background)))
	}
	if c != nil {
		c.Checkpoint()
	}
	return c
}

// goMaker is Go without options for the task d, the maker of the group, if there is no limit. So
// the member goes to d's worker, because the maker of a group is a task of the group's scheduler.
// In this case Go calls no method of a user's context, and needs no protection against panics.
func (g *Group) goMaker(d *rt.Task, fn func(c *Ctx) error) {
	g.members.enter()
	on := d.Worker()
	var t *rt.Task
	var gen uint32
	if g.cancel == nil {
		m, ok := on.Spare().(*member)
		if !ok {
			m = members.Get().(*member)
		}
		m.g, m.fn, m.place = g, fn, false
		t, gen = on.Host.Spawn(m, nil)
	} else {
		h := ctxMembers.Get().(*ctxMember)
		h.g, h.fn, h.place = g, fn, false
		t, gen = on.Host.Spawn(h, g.extra)
	}
	if t == nil {
		g.fail(ErrClosed)
		g.leave((*Ctx)(d.Life()))
		return
	}
	g.recent[g.nth%uint8(len(g.recent))] = handle(t, gen)
	g.nth++
}

const nilMember = "task: Group.Go with a nil function"

// GoContext is [Group.Go], but it waits only until ctx ends. If ctx ends first, GoContext returns
// the cause, and fn will not be called. This includes a ctx that had ended before the call. If
// GoContext returns nil, the member has been added.
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

// goUntil is GoContext for the calling task c, or for a goroutine if c is nil.
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
	me := memberOf(c.record())
	if me.lend(c) { // the place may go to w
		defer me.takeBack(c) // deferred because a method of ctx may panic
	}
	if err := w.wait(); err != nil {
		return err
	}
	return g.add(ctx, c, fn, opts)
}

// TryGo is [Group.Go] without waiting. It returns false, and has done nothing, if the group is at
// its limit, if the scheduler takes no more submissions from outside, or if the scheduler's queue
// is full. The member is queued like a submission from outside, even if the caller is a task.
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

// tryGo is TryGo. c is the caller if the group is a zero Group, and otherwise nil.
func (g *Group) tryGo(c *Ctx, fn func(c *Ctx) error, opts []Option) bool {
	if g.limited && !g.tryPlace() {
		return false
	}
	if g.launch(endedContext, c, fn, opts) == nil {
		return true
	}
	g.undo(c)
	return false
}

// endedContext is a context that has ended, so no operation waits under it.
var endedContext = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// Wait waits until all members have ended, parking the task or blocking the goroutine. Nothing else
// ends the wait, not even the caller's cancellation. So after Wait the caller may release what only
// the members used. Wait then ends the group's context, and
//
//   - if a member has panicked, panics with the first such member's [*PanicError]. If that member
//     panicked because it waited for another group, the PanicError is that of the other group's
//     member.
//   - otherwise returns the first error of a member, or after [Group.JoinErrors] the errors of all
//     members, or nil.
//
// A member whose function called runtime.Goexit has the error [ErrGoexit].
//
// If the caller is the task that made the group, or that added the first member of a zero Group,
// the caller's worker next runs, one after the other, those of the last few members that have not
// begun. It does not do so if the caller is itself a member of a group with a limit. Wait panics if
// the caller is a member of this group, a call that a member has forked, or a function of a
// member's [Ctx.Blocking], because the member would wait for itself.
func (g *Group) Wait() error { return g.WaitContext(background) }

// WaitContext is [Group.Wait], but it gives up when ctx ends. Then it returns the cause and changes
// nothing. The members go on and keep using their data. (If ctx is the group's context, they have
// been cancelled.) The caller can call WaitContext and Wait again.
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
	g.ctxEnded = true
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

// await waits until the group has no members.
func (g *Group) await(ctx context.Context, c *Ctx) error {
	me := memberOf(c.record())
	in := me
	if c == nil {
		in = memberOf(rt.Inside()) // a function of Blocking, for which the member waits
	}
	if in != nil && in.g == g {
		panic("task: Group.Wait called by a member of the group, which would wait for itself: let the member return, and Wait outside of it")
	}
	// A member with a place must lend the place before it waits.
	if c != nil && c == g.maker.Load() && (me == nil || !me.g.limited) {
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
		if g.waiters.First == nil {
			g.members.unwatch()
		}
		g.mu.Unlock()
		return nil
	}
	w := g.waiters.push(&g.mu, ctx, c)
	w.Reason = rt.WaitMembers
	g.mu.Unlock()
	if me.lend(c) {
		defer me.takeBack(c) // deferred because a method of ctx may panic
	}
	return w.wait()
}

// launch counts a member and starts its task. If there is a limit, the caller has already taken a
// place for the member. If launch returns an error, it has not started the task, and the caller
// must call undo. If a method of a user's context panics, launch itself calls undo.
func (g *Group) launch(waitCtx context.Context, c *Ctx, fn func(c *Ctx) error, opts []Option) error {
	// In these two cases launch needs no protection: either enter calls no method of a user's
	// context, or startForeign skips the member itself.
	if _, own := waitCtx.(*Ctx); (own || waitCtx == background) && len(opts) == 0 || g.on != nil {
		return g.enter(waitCtx, c, fn, opts)
	}
	returned := false
	defer func() {
		if !returned {
			g.undo(c)
		}
	}()
	err := g.enter(waitCtx, c, fn, opts)
	returned = true
	return err
}

// enter is launch without the protection against panics.
func (g *Group) enter(waitCtx context.Context, c *Ctx, fn func(c *Ctx) error, opts []Option) error {
	g.members.enter()
	if g.cancel == nil {
		m := spareMember(c)
		m.g, m.fn, m.place = g, fn, g.limited
		if g.none() {
			return g.enterZero(waitCtx, c, m, extraOf(opts), opts)
		}
		t, err := g.start(waitCtx, c, m, extraOf(opts), opts)
		g.note(c, t)
		return err
	}
	h := ctxMembers.Get().(*ctxMember)
	h.g, h.fn, h.place = g, fn, g.limited
	x := g.extra
	if len(opts) > 0 {
		x = x.Own()
		addTo(x, opts)
	}
	t, err := g.start(waitCtx, c, h, x, opts)
	g.note(c, t)
	return err
}

// enterZero starts m, which has been counted, for the zero Group: on the scheduler of c.
func (g *Group) enterZero(waitCtx context.Context, c *Ctx, m *member, x *rt.Extra, opts []Option) error {
	on := launcher{sched: c.record().Shared().Sched}
	if waitCtx == endedContext { // the caller is TryGo
		_, err := on.start(waitCtx, nil, m, x, opts)
		return err
	}
	if g.maker.Load() == nil {
		g.maker.CompareAndSwap(nil, c)
	}
	t, err := on.start(waitCtx, c, m, x, opts)
	g.note(c, t)
	return err
}

// note remembers t for await, if c, which started t, is the maker of the group.
func (g *Group) note(c *Ctx, t Task) {
	if c != nil && c == g.maker.Load() {
		g.recent[g.nth%uint8(len(g.recent))] = t
		g.nth++
	}
}

// joinRecent waits for the members in recent that have not begun, one after the other. Each of them
// runs next on c's worker, because that is what a wait for a task that has not begun does. k says
// what ends the waits.
func (g *Group) joinRecent(c *Ctx, k rt.Park) {
	for i, t := range g.recent {
		g.recent[i] = Task{}
		if t.record() != nil && t.record().Status().Fresh(t.life()) {
			_ = t.join(c, rt.WaitMembers, k) // the group has the error; await sees c's cancellation
		}
	}
}

// add adds a member. If the scheduler refuses the member, the member fails. add returns an error,
// and has not added the member, if ctx ended before the scheduler had room. ctx is the caller's
// context.
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

// undo takes back a member that was counted but not started. by is the running task, or nil.
func (g *Group) undo(by *Ctx) {
	if g.limited {
		g.release(by)
	}
	g.leave(by)
}

// fail records a member's error. If it is the first error, fail ends the group's context, if there
// is one, and cancels the members.
func (g *Group) fail(err error) {
	pe, panicked := err.(*PanicError)
	if g.failed.Load() && !g.joining && !panicked {
		return
	}
	g.mu.Lock()
	first := g.first == nil
	if first {
		g.first = err
		g.failed.Store(true)
	}
	if g.joining {
		g.errs = append(g.errs, err)
	}
	if panicked && g.panic == nil {
		g.panic = pe
	}
	g.mu.Unlock()
	if first && g.cancel != nil {
		g.stop()
		g.cancel(err)
		g.cancelMembers()
	}
}

// leave removes one member from the count. If it was the last one, leave wakes the waiters. by is
// the running task, or nil.
func (g *Group) leave(by *Ctx) {
	if !g.members.leave() {
		return
	}
	var ws list.Chain[queued]
	g.mu.Lock()
	if g.members.none() {
		g.members.unwatch()
		ws = g.waiters.TakeAll()
	}
	g.mu.Unlock()
	wakeAll(ws, by)
}

// drain is Drain-C1: see delist. It appends the handles of n members, or of all if there are fewer,
// to ts.
func (g *Group) drain(ts []Task, n int) []Task {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ctxEnded = true
	g.draining.Store(true)
	for ; g.running.First != nil && n > 0; n-- {
		ts = append(ts, g.running.Pop().task)
	}
	return ts
}

// cancelMembers cancels the members when the group's context has ended. Either cancelMembers finds
// a member in the list, or the member finds ctxEnded set when it enlists, because both happen under
// mu.
//
// It takes the members out of the list, some at a time. A member whose task ends meanwhile may be
// in such a batch, or stay in the list although it has ended. To cancel it then does nothing.
func (g *Group) cancelMembers() {
	err, cause := g.ctx.Err(), context.Cause(g.ctx)
	var ts []Task
	var woken []*rt.Task
	for {
		ts, woken = g.drain(ts[:0], rt.CancelBatch), woken[:0]
		if len(ts) == 0 {
			return
		}
		for _, t := range ts {
			queue, late := rt.Handle(t).CancelFor(err, cause)
			late.Aside(t.record().Shared(), nil) // on other goroutines, so perhaps not queued yet
			if queue {
				woken = append(woken, t.record())
			}
		}
		rt.InjectAll(woken)
	}
}
