package task

import (
	"context"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/wait"
)

// Receive receives from a native channel, parking the task or blocking the goroutine: ok is false if ch is closed, and a nil
// channel never yields anything. If ctx ends first it returns the cause, and has taken nothing from ch. A value that comes together
// with the end of ctx is either left in ch, or returned with a nil error; it is never lost. An ended ctx takes nothing, even if
// there is a value.
//
// What is there already is taken at once. To wait, a task costs a goroutine for as long; tsync.Chan has no such cost.
func Receive[T any](ctx context.Context, ch <-chan T) (v T, ok bool, err error) {
	c, err := enter(ctx)
	if err != nil {
		return v, false, err
	}
	select {
	case v, ok = <-ch:
		return v, ok, nil
	default:
	}
	if c == nil {
		select {
		case v, ok = <-ch:
			return v, ok, nil
		case <-ctx.Done():
			return v, false, wait.CauseOf(ctx)
		}
	}
	r := &receipt[T]{stop: make(chan struct{})}
	r.Prepare(ctx, c.record())
	c.record().Shared().Sched.Assist(func() { r.receive(ch) })
	broken, _ := r.WaitRecovering(r) // no error: Withdraw never takes the wait back
	if r.received {
		return r.v, r.ok, nil
	}
	if broken != nil {
		panic(broken) // of a method of ctx, while the task waited
	}
	if err = context.Cause(ctx); err == nil { // the cause of a context above has not been set, as the task ended by itself
		err = c.Cause()
	}
	return v, false, err
}

// AwaitDone waits until done is closed, or yields a value, which it takes, parking the task or blocking the goroutine. It is [Receive] for
// channels that say nothing but that something has happened, such as another context's Done.
func AwaitDone(ctx context.Context, done <-chan struct{}) error {
	_, _, err := Receive(ctx, done)
	return err
}

// A receipt is one wait of a task for a native channel, and the wait.Withdrawer of that wait.
//
//	task                                  helper, a goroutine
//	T1 park until woken                   H1 select: receive from ch, or stop is closed
//	T2 cancelled: close stop, and park    H2 received: keep the value
//	   until woken, uncancellably         H3 wake the task
//	T3 received? return it
//	   else return the cause
//
// The select of H1 alone decides. So whatever the helper has taken from ch gets to the task, and that goes on only when
// it is known that nothing will be taken any more.
type receipt[T any] struct {
	wait.Waiter
	stopped atomicx.Bool
	stop    chan struct{}

	// The helper's until it wakes the task.
	v        T
	ok       bool
	received bool
}

// Withdraw implements wait.Withdrawer. It never takes back the wait itself, but has the helper end it.
func (r *receipt[T]) Withdraw() bool {
	if r.stopped.CompareAndSwap(false, true) {
		close(r.stop)
	}
	return false
}

// receive is the helper.
func (r *receipt[T]) receive(ch <-chan T) {
	select {
	case r.v, r.ok = <-ch:
		r.received = true
	case <-r.stop:
	}
	r.Wake(nil)
}
