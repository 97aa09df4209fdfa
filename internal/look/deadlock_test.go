package look_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/look"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// Two tasks wait for each other, but not at the same time: one has given up before the other began.
// A reader that read the first wait before and the second one after that sees a circle, and must
// not report it.
func TestCircleOfWaitsAtDifferentTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := scheduler.New(scheduler.WithWorkers(1), scheduler.WithWaits())
		require.NoError(t, err)
		defer s.Close()
		viewOf := func(x task.Task) look.View {
			v, ok := look.Of(rt.Handle(x).Task())
			require.True(t, ok)
			return v
		}
		firstWait, giveUp := context.WithCancel(t.Context())
		var swap, end tsync.Event
		var a, b task.Task
		b = s.Go(func(c *task.Ctx) {
			swap.Wait()
			_ = a.Wait()
		})
		a = s.Go(func(c *task.Ctx) {
			_ = b.WaitContext(firstWait)
			end.Wait()
		})
		synctest.Wait()
		old := viewOf(a)
		require.Equal(t, rt.Handle(b), old.Holder)

		giveUp()
		synctest.Wait()
		swap.Set()
		synctest.Wait()
		require.Equal(t, rt.Handle(a), viewOf(b).Holder)
		for circle := range look.Circles(slices.Values([]look.View{old})) {
			require.Fail(t, "reported", "%v", circle)
		}
		end.Set()
	})
}
