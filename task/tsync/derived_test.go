package tsync

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
)

// TestDerivedAfterTheEnd checks that the Ctx of a task that has ended has ended, as have the
// contexts derived from it.
func TestDerivedAfterTheEnd(t *testing.T) {
	eachOf(t, []int{2}, []flavour{tasks}, func(w *world) {
		var its, derived, detached context.Context
		var stop context.CancelFunc
		w.do(func(ctx context.Context) {
			its, detached = ctx, context.WithoutCancel(ctx)
			derived, stop = context.WithCancel(ctx)
		})
		defer stop() // the task's end has called it already
		<-derived.Done()
		testkit.Spin(func() bool { return its.(*task.Ctx).Task().State() == task.Done })
		require.ErrorIs(w.t, new(Mutex).LockContext(derived), context.Canceled)
		require.ErrorIs(w.t, new(Mutex).LockContext(its), context.Canceled)
		require.NoError(w.t, new(Mutex).LockContext(detached))
	})
}
