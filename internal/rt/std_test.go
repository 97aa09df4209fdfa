package rt

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// An afterFuncs is a context that notes the arguments of AfterFunc.
type afterFuncs struct {
	context.Context
	done chan struct{}
	f    func()
}

func (x *afterFuncs) Done() <-chan struct{} { return x.done }
func (x *afterFuncs) Value(any) any         { return nil }
func (x *afterFuncs) AfterFunc(f func()) (stop func() bool) {
	x.f = f
	return func() bool { return true }
}

// KindOf tells package context's functions from those of users, and knows the context that they
// were registered with. If it fails with a new version of Go, package context has changed: see
// KindOf.
func TestKindOf(t *testing.T) {
	x := &afterFuncs{Context: context.Background(), done: make(chan struct{})}
	_, cancel := context.WithCancel(x)
	defer cancel()
	require.NotZero(t, propagationParent)
	require.Equal(t, ForeignEnd, KindOf(x.f))
	require.Equal(t, UsersFunc, KindOf(func() { x.f = nil }))
	require.Equal(t, UsersFunc, KindOf(func() {}))
	was := timedTab
	defer func() { timedTab = was }()
	parent := context.Context(x)
	timedTab = wordsOf(&parent).tab
	require.Equal(t, OwnEnd, KindOf(x.f))
}

// A counted context counts the calls of its methods that package context makes.
type counted struct {
	context.Context
	calls int
}

func (x *counted) Done() <-chan struct{} { x.calls++; return x.Context.Done() }
func (x *counted) Err() error            { x.calls++; return x.Context.Err() }
func (x *counted) Value(key any) any     { x.calls++; return x.Context.Value(key) }

// A context that was derived from the result of See leaves it without a call of the user's methods.
func TestSee(t *testing.T) {
	above, end := context.WithCancel(context.WithValue(context.Background(), seenKey{}, 1))
	defer end()
	require.True(t, See(above) == above, "of package context itself")
	x := &counted{Context: above}
	inner, cancel := context.WithCancelCause(See(x))
	was := x.calls
	require.NotZero(t, was)
	cancel(nil)
	require.Equal(t, was, x.calls)
	require.Equal(t, 1, inner.Value(seenKey{}))

	inner, cancel = context.WithCancelCause(See(x))
	defer cancel(nil)
	end()
	require.ErrorIs(t, inner.Err(), context.Canceled, "its end comes with the cancel function's return")

	// A context with a channel of its own.
	y := &afterFuncs{Context: context.Background(), done: make(chan struct{})}
	_, cancel = context.WithCancelCause(See(struct{ context.Context }{&ending{y}}))
	cancel(nil)
	inner, cancel = context.WithCancelCause(See(struct{ context.Context }{&ending{y}}))
	defer cancel(nil)
	close(y.done)
	<-inner.Done()
	require.ErrorIs(t, inner.Err(), context.DeadlineExceeded)
}

type seenKey struct{}

type ending struct{ *afterFuncs }

func (x *ending) Err() error { return context.DeadlineExceeded }
