package tsync

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
)

// TestMisuse calls operations wrongly, in ways that they can detect, and checks which task waits
// under another task's Ctx.
func TestMisuse(t *testing.T) {
	var none context.Context
	requirePanics(t, "nil context", func() { _ = new(Mutex).LockContext(none) })
	requirePanics(t, "the zero Barrier", func() { _, _ = new(Barrier).WaitContext(bg) })
	requirePanics(t, "a Cond without a lock", func() { _ = new(Cond).WaitContext(bg) })
	requirePanics(t, "NewTicker(-1ns)", func() { NewTicker(nil, -1) })
	requirePanics(t, "NewSemaphore(-2)", func() { NewSemaphore(-2) })
	eachOf(t, []int{2}, []flavour{tasks}, func(w *world) {
		// A goroutine that passes a task's Ctx, or a context derived from it, blocks itself and not
		// the task.
		var e, met Event
		var its *task.Ctx
		w.start(func(ctx context.Context) {
			its = ctx.(*task.Ctx)
			_ = e.WaitContext(ctx)
		})
		untilWaiting(&e.mu, &e.queue, 1)
		testkit.Spin(func() bool { return its.Task().State() == task.Waiting })
		var m Mutex
		ctx, cancel := context.WithCancel(its)
		defer cancel()
		for _, ctx := range []context.Context{its, ctx} {
			require.NoError(w.t, m.LockContext(ctx))
			go func() {
				untilWaiting(&m.mu, &m.queue, 1)
				m.Unlock()
			}()
			require.NoError(w.t, m.LockContext(ctx))
			m.Unlock()
		}
		// Another task that passes the Ctx parks itself, too.
		w.start(func(context.Context) {
			w.check(met.WaitContext(its) == nil, "the wait has ended early")
		})
		untilWaiting(&met.mu, &met.queue, 1)
		met.Set()
		w.start(func(context.Context) {
			err := new(Event).WaitContext(its)
			w.check(errors.Is(err, context.Canceled), "%v", err)
		})
		its.Task().Cancel() // ends its own wait, and those of others under its Ctx
	})
}
