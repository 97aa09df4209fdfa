package task

import (
	"context"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/wait"
)

// Receive receives from a native channel, parking the task or blocking the goroutine. ok is false
// if ch is closed. A nil channel never yields a value. If ctx ends first, Receive returns the cause
// and has taken nothing from ch. If a value arrives at the same time as the end of ctx, Receive
// either leaves the value in ch or returns it with a nil error, so no value is lost. If ctx has
// ended before the call, Receive takes nothing, even if there is a value.
//
// If a value is already there, Receive takes it at once. Otherwise a waiting task costs a goroutine
// for as long as it waits. tsync.Chan has no such cost.
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
	broken, _ := r.WaitRecovering(r) // never an error, because Withdraw never takes the wait back
	if r.received {
		return r.v, r.ok, nil
	}
	if broken != nil {
		panic(broken) // a method of ctx has panicked while the task waited
	}
	if err = context.Cause(ctx); err == nil { // so far only the task has been cancelled, not ctx
		err = c.Cause()
	}
	return v, false, err
}

// AwaitDone waits until done is closed or yields a value, parking the task or blocking the
// goroutine. It takes the value. AwaitDone is [Receive] for channels that only signal an event,
// such as the Done channel of another context.
func AwaitDone(ctx context.Context, done <-chan struct{}) error {
	_, _, err := Receive(ctx, done)
	return err
}

// A receipt is one wait of a task for a native channel. It is also the wait.Withdrawer of that
// wait. The Receipt protocol runs between the task and the helper, a goroutine:
//
//	task                                         helper
//	Receipt-T1 park until woken                  Receipt-H1 select: receive, or stop is closed
//	Receipt-T2 if cancelled: close stop, and     Receipt-H2 if it received: keep the value
//	           park until woken, uncancellably   Receipt-H3 wake the task
//	Receipt-T3 if it received: return the value,
//	           otherwise return the cause
//
// The select of Receipt-H1 alone decides. So every value that the helper takes from ch reaches the
// task. The task goes on only after Receipt-H3, when the helper can take nothing more.
type receipt[T any] struct {
	wait.Waiter
	stopped atomicx.Bool
	stop    chan struct{}

	// The helper owns these until it wakes the task.
	v        T
	ok       bool
	received bool
}

// Withdraw implements wait.Withdrawer. It never takes back the wait itself. It makes the helper end
// the wait (Receipt-T2).
func (r *receipt[T]) Withdraw() bool {
	if r.stopped.CompareAndSwap(false, true) {
		close(r.stop)
	}
	return false
}

// receive is the function of the helper.
func (r *receipt[T]) receive(ch <-chan T) {
	select {
	case r.v, r.ok = <-ch:
		r.received = true
	case <-r.stop:
	}
	r.Wake(nil)
}
