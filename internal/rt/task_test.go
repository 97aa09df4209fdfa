package rt

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// fresh returns a descriptor in the given generation, in state Active.
func fresh(gen uint32) *Task {
	d := &Task{}
	d.Init(&Worker{Shared: &Shared{}})
	d.status.Store(uint64(gen) << flagBits)
	d.Start("fn", nil)
	return d
}

// gens are the generations at which tests begin: the first one, and the last one before the number
// wraps around.
var gens = []uint32{0, 1<<32 - 1}

func word(d *Task) uint64 { return d.status.Load() & flagMask }

// TestEvents is the table of status.go: every event in every state of a wait, and its result.
func TestEvents(t *testing.T) {
	const active, waiting = stActive, stWaiting
	kind := func(k Park) uint64 { return uint64(k) & parkMask }
	events := map[string]func(d *Task) bool{
		"Ready":  func(d *Task) bool { return d.ReadyWaiting(d.Gen()) || d.Ready(d.Gen()) },
		"Wake":   func(d *Task) bool { return d.Wake() },
		"Cancel": func(d *Task) bool { did, queue := d.Cancel(d.Gen(), Default); return did && queue },
		"Close":  func(d *Task) bool { did, queue := d.Cancel(d.Gen(), Closed); return did && queue },
	}
	for _, c := range []struct {
		from  uint64
		event string
		to    uint64
		queue bool
	}{
		{active, "Ready", active | flagToken, false},
		{active | flagToken, "Ready", active | flagToken, false},
		{active, "Wake", active | flagWoken, false},
		{active, "Cancel", active | flagCancelled, false},
		{active, "Close", active | flagCancelled | flagClosed, false},
		{active | flagCancelled, "Close", active | flagCancelled, false},
		{waiting, "Ready", active, true},
		{waiting, "Wake", waiting | flagWoken, false},
		{waiting, "Cancel", active | flagCancelled, true},
		{waiting | kind(ForWake), "Ready", waiting | kind(ForWake) | flagToken, false},
		{waiting | kind(ForWake), "Wake", active, true},
		{waiting | kind(ForWake), "Close", active | kind(ForWake) | flagCancelled | flagClosed, true},
		{waiting | kind(ForWakeOnly), "Cancel", waiting | kind(ForWakeOnly) | flagCancelled, false},
		{waiting | kind(ForWakeOnly), "Ready", waiting | kind(ForWakeOnly) | flagToken, false},
		{waiting | kind(ForWakeOnly), "Wake", active | flagHard, true},
		{stFree, "Ready", stFree, false},
		{stFree, "Cancel", stFree, false},
		{stDone, "Ready", stDone, false},
		{stDone, "Cancel", stDone, false},
	} {
		for _, gen := range gens {
			d := fresh(gen)
			d.status.Store(uint64(gen)<<flagBits | c.from)
			require.Equal(t, c.queue, events[c.event](d), "%+v", c)
			require.Equal(t, c.to, word(d), "%+v", c)
			require.Equal(t, gen, d.Gen())
		}
	}
}

// CommitPark is called in every state that it can meet.
func TestCommitPark(t *testing.T) {
	for _, k := range []Park{ForReady, ForWake, ForWakeOnly} {
		for flags := uint64(0); flags < 16; flags++ {
			from := uint64(stActive)
			for i, f := range []uint64{flagToken, flagWoken, flagCancelled, flagInternal | flagHard} {
				if flags&(1<<i) != 0 {
					from |= f // the last one is left over from an earlier wait
				}
			}
			d := fresh(7)
			d.status.Store(7<<flagBits | from)
			event := from&uint64(k)&(flagToken|flagWoken) != 0 || from&flagCancelled != 0 && k != ForWakeOnly
			require.Equal(t, !event, d.CommitPark(k))
			w := word(d)
			if event {
				require.EqualValues(t, stActive, w&stateMask)
				require.Equal(t, k != ForReady && from&flagWoken != 0 || k == ForReady && from&flagWoken != 0,
					w&flagWoken != 0, "a Wake stays to be consumed")
				require.Equal(t, from&flagToken != 0 && k != ForReady, w&flagToken != 0, "a token is taken")
			} else {
				require.EqualValues(t, stWaiting, w&stateMask)
				require.Equal(t, uint64(k)&parkMask, w&(flagInternal|flagHard))
			}
			require.Equal(t, from&flagCancelled, w&flagCancelled)
		}
	}
}

func TestTakeToken(t *testing.T) {
	d := fresh(0)
	require.False(t, d.TakeToken())
	d.Ready(0)
	require.True(t, d.TakeToken())
	require.False(t, d.TakeToken(), "one token")
}

// After a park, Woken distinguishes a Wake, early or late, from a Cancel, whatever waits came
// before.
func TestWoken(t *testing.T) {
	early := func(k Park, event func(d *Task) bool) func(d *Task) bool {
		return func(d *Task) bool { return !event(d) && !d.CommitPark(k) }
	}
	late := func(k Park, event func(d *Task) bool) func(d *Task) bool {
		return func(d *Task) bool { return d.CommitPark(k) && event(d) }
	}
	type wait struct {
		name string
		run  func(d *Task) bool
		want bool
	}
	waits := []wait{
		{"early Wake", early(ForWake, (*Task).Wake), true},
		{"late Wake", late(ForWake, (*Task).Wake), true},
		{"early Wake alone", early(ForWakeOnly, (*Task).Wake), true},
		{"late Wake alone", late(ForWakeOnly, (*Task).Wake), true},
	}
	cancel := func(d *Task) bool { _, queue := d.Cancel(0, Default); return queue }
	ends := append(slices.Clone(waits), wait{"early Cancel", early(ForWake, cancel), false}, wait{"late Cancel", late(ForWake, cancel), false})
	for _, last := range ends {
		for _, first := range append(slices.Clone(waits), wait{name: "nothing"}) {
			d := fresh(0)
			if first.run != nil {
				require.True(t, first.run(d), first.name)
				require.True(t, d.Woken(), first.name)
			}
			require.True(t, last.run(d), "%s after %s", last.name, first.name)
			require.Equal(t, last.want, d.Woken(), "%s after %s", last.name, first.name)
		}
	}
}

// ReadyWaiting only wakes a task that waits for it, and only in its own life.
func TestReadyWaiting(t *testing.T) {
	for _, gen := range gens {
		d := fresh(gen)
		require.False(t, d.ReadyWaiting(gen), "the task runs")
		require.True(t, d.CommitPark(WaitReady.Park(ForReady)))
		require.False(t, d.ReadyWaiting(gen-1))
		require.False(t, d.ReadyWaiting(gen+1))
		require.Equal(t, Waiting, d.Status().State())
		require.True(t, d.ReadyWaiting(gen))
		require.True(t, d.CommitPark(WaitSend.Park(ForWake)))
		require.False(t, d.ReadyWaiting(gen), "it waits for another event")
		require.Equal(t, Waiting, d.Status().State())
	}
}

// The reason of a wait can be read while the task waits, in any generation, and disturbs no other
// part of the word.
func TestWhy(t *testing.T) {
	for _, gen := range gens {
		d := fresh(gen)
		require.True(t, d.CommitPark(WaitSend.Park(ForWake)))
		require.Equal(t, WaitSend, d.Status().WaitReason())
		require.Equal(t, Waiting, d.Status().State())
		require.Equal(t, gen, d.Gen())
		require.True(t, d.Wake())
		require.True(t, d.Woken())
		require.True(t, d.CommitPark(WaitReady.Park(ForReady)))
		require.Equal(t, WaitReady, d.Status().WaitReason())
		require.True(t, d.Ready(gen))
		_, free := d.Finish(Returned)
		require.True(t, free)
		require.Equal(t, Status(uint64(gen+1)<<flagBits), d.Status())
		d.Start("fn", nil)
		require.True(t, d.CommitPark(numWaitReasons.Park(ForWakeOnly)-1<<waitReasonShift))
		require.True(t, d.Wake())
		d.Finish(Failed)
		require.Equal(t, Done, d.Status().State())
		require.Equal(t, gen+1, d.Gen())
		require.Zero(t, d.Status().WaitReason())
	}
	for y := range numWaitReasons {
		require.NotEmpty(t, y.String(), "%d", y)
	}
	require.Equal(t, "unknown", numWaitReasons.String())
}

// A descriptor that ends is Free in the next generation if no party can refer to the old life any
// more, otherwise Done for good.
func TestFinish(t *testing.T) {
	for _, gen := range gens {
		for _, c := range []struct {
			end   End
			flags uint64
			free  bool
		}{
			{Returned, 0, true},
			{Returned, flagToken, true},
			{Returned, flagEscaped, false},
			{Returned, flagCancelled, false},
			{Failed, 0, false},
			{Skipped, flagCancelled, false},
		} {
			d := fresh(gen)
			d.NeedExtra().Err = errors.New("failed")
			d.status.Store(d.status.Load() | c.flags)
			w := &Waiter{C: make(chan struct{}, 1)}
			require.True(t, d.Await(w, gen))
			got, free := d.Finish(c.end)
			require.Equal(t, c.free, free, "%+v", c)
			require.Same(t, w, got)
			require.False(t, d.Status().Live(gen))
			require.Nil(t, d.fn)
			canceled, closed := errors.New("cancelled"), errors.New("closed")
			err := d.Err(gen, canceled, closed)
			switch {
			case c.free:
				require.Equal(t, gen+1, d.Gen(), "wraps around")
				require.Zero(t, word(d))
				require.Nil(t, d.Extra())
				require.NoError(t, err)
			case c.end == Failed:
				require.EqualError(t, err, "failed")
			case c.flags&flagCancelled != 0:
				require.Equal(t, canceled, err)
			default:
				require.NoError(t, err)
			}
			require.False(t, d.Await(&Waiter{}, gen), "too late")
			did, queue := d.Cancel(gen, Default)
			require.False(t, did || queue || d.Ready(gen), "too late")
		}
	}
}

// An abandoned waiter is dropped when later ones come.
func TestAbandonedWaitersAreDropped(t *testing.T) {
	d := fresh(0)
	for range 1000 {
		w := &Waiter{}
		require.True(t, d.Await(w, 0))
		require.True(t, w.Abandon())
	}
	n := 0
	for w, _ := d.Finish(Returned); w != nil; w = w.next {
		n++
	}
	require.LessOrEqual(t, n, 2*sweepDepth)
}

// Two waiters take turns: each gives up after the next one has come, so an abandoned waiter always
// stands under a waiting one. They must not fill the list.
func TestAbandonedWaitersDoNotPileUpUnderOthers(t *testing.T) {
	d := fresh(0)
	last := &Waiter{}
	require.True(t, d.Await(last, 0))
	for range 1000 {
		w := &Waiter{}
		require.True(t, d.Await(w, 0))
		require.True(t, last.Abandon())
		last = w
	}
	n := 0
	for w, _ := d.Finish(Returned); w != nil; w = w.next {
		n++
	}
	require.LessOrEqual(t, n, 100)
}

// The channel of Done is closed by the cancellation or the end, whichever comes first, and whether
// the channel was asked for before or after.
func TestDoneChannel(t *testing.T) {
	closed := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	d := fresh(0)
	require.False(t, closed(d.Life().Done()))
	d.Cancel(0, Default)
	d.Extra().CloseDone(nil)
	d.Extra().CloseDone(nil)
	require.True(t, closed(d.Life().Done()))

	d = fresh(0)
	d.Cancel(0, Default)
	require.True(t, closed(d.Life().Done()), "asked for after the cancellation")

	d = fresh(0)
	c := d.Life().Done()
	_, free := d.Finish(Returned)
	require.False(t, free, "a Ctx that may be kept is not used again")
	d.Extra().CloseDone(nil)
	require.True(t, closed(d.Life().Done()))
	require.True(t, closed(c))
}

func TestExt(t *testing.T) {
	x := &Extra{Name: "n", Owner: context.Background()}
	d := fresh(0)
	d.Start("fn", x)
	require.Same(t, x, d.Extra())
	require.Same(t, x, d.NeedExtra())
	require.Equal(t, "n", d.Name(0))
	require.Empty(t, d.Name(1))
	first := errors.New("first")
	require.True(t, d.SetCause(0, first, false))
	require.True(t, d.SetCause(0, errors.New("second"), true))
	require.False(t, d.SetCause(1, errors.New("of another life"), false))
	require.Equal(t, first, x.getCause())
	require.False(t, x.hasExpired(), "that is the second's")
	stopped := 0
	x.Deadline = &Deadline{OnEnd: func() { stopped++ }}
	x.Release()
	require.Equal(t, 1, stopped)
}

// The descriptor of a task that has a name, or is under a context, serves no other task, even if no
// method of its Ctx was called.
func TestDescriptorsThatServeOnce(t *testing.T) {
	under := &ParentContext{Context: context.Background()}
	for _, c := range []struct {
		what string
		x    *Extra
		free bool
	}{
		{"no extension", nil, true},
		{"a level", &Extra{Level: High}, true},
		{"a name", &Extra{Name: "name"}, false},
		{"a context", &Extra{Parents: under}, false},
		{"a group's context", &Extra{Owner: context.Background()}, false},
		{"one of several tasks", NewShared(context.Background(), false, false), false},
		{"one without values", NewShared(context.Background(), true, false), true},
	} {
		d := &Task{}
		d.Init(&Worker{Shared: &Shared{}})
		d.Start("fn", c.x)
		_, free := d.Finish(Returned)
		require.Equal(t, c.free, free, c.what)
	}
}

// Nothing that a task notes for itself gets into the extension that it shares with others.
func TestSharedExtra(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, c := range []struct {
		what string
		note func(d *Task)
	}{
		{"a cause", func(d *Task) { d.SetCause(0, errors.New("cause"), true) }},
		{"a failure", func(d *Task) { d.FailWith(errors.New("failure")) }},
		{"a failure that is taken", func(d *Task) { _ = d.TakeFailure() }},
		{"a function", func(d *Task) { _, _ = d.Life().AfterDone(func(*Late) {}) }},
		{"a channel", func(d *Task) { d.Life().Done() }},
		{"a call", func(d *Task) { d.NoteDetached(nil) }},
	} {
		x := NewShared(ctx, true, false)
		d := &Task{}
		d.Init(&Worker{Shared: &Shared{}})
		d.Start("fn", x)
		c.note(d)
		require.Equal(t, NewShared(ctx, true, false), x, c.what)
		require.Equal(t, ctx, d.Extra().Owner, c.what)
		require.Same(t, d.NeedExtra(), d.Extra().Own(), "an extension of the task's own stays")
	}
	require.NotNil(t, (*Extra)(nil).Own())
}

func TestBareExtras(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		what string
		x    *Extra
		bare bool
	}{
		{"no extension", nil, true},
		{"a level", &Extra{Level: High}, true},
		{"a context", &Extra{Parents: &ParentContext{Context: ctx}}, false},
		{"a group's context", NewShared(ctx, false, false), false},
		{"a group's context without values", NewShared(ctx, true, false), false},
		{"a deadline", &Extra{Deadline: &Deadline{}}, false},
		{"labels", &Extra{Look: &Look{Labels: ctx}}, false},
	} {
		require.Equal(t, c.bare, c.x.Bare(), c.what)
	}
	late := NewShared(ctx, true, false).Own()
	require.False(t, late.KeepsValues())
	late.Deadline = &Deadline{}
	require.True(t, late.KeepsValues(), "a Ctx shows its deadline")
	owned := NewShared(ctx, true, false).Own()
	require.False(t, owned.MayHaveLabels())
	owned.SetOwner(ctx)
	require.True(t, owned.KeepsValues())
	require.True(t, owned.MayHaveLabels())
}

// Package context sees the inner context of a task only if that has the task's Err.
func TestFamily(t *testing.T) {
	ctx := context.Background()
	one := &ParentContext{Context: ctx}
	for _, c := range []struct {
		what  string
		x     *Extra
		shown bool
	}{
		{"one context", &Extra{Parents: one}, true},
		{"a group's context", &Extra{Owner: ctx}, true},
		{"two contexts", &Extra{Parents: &ParentContext{Context: ctx, Next: one}}, false},
		{"a context and a group's", &Extra{Parents: one, Owner: ctx}, false},
	} {
		d := &Task{}
		d.Init(&Worker{Shared: &Shared{}})
		d.Start("fn", c.x)
		require.Nil(t, d.Family(), "%s: nothing was asked for yet", c.what)
		d.Life().Done()
		require.Equal(t, c.shown, d.Family() != nil, c.what)
		d.Finish(Returned)
		d.Extra().CloseDone(nil)
	}
}
