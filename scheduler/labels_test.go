package scheduler_test

import (
	"context"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// labelled reports whether some goroutine has the label key.
func labelled(t *testing.T, key string) bool {
	var b strings.Builder
	require.NoError(t, pprof.Lookup("goroutine").WriteTo(&b, 1))
	return strings.Contains(b.String(), `"`+key+`":`)
}

// Labels that a task sets and leaves are not those of the next one on the same fiber.
func TestLabelsEndWithTheTask(t *testing.T) {
	s := open(t, 1)
	for _, end := range []func(){func() {}, runtime.Goexit} {
		x := s.Go(func(c *task.Ctx) {
			pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("left-behind", "1")))
			end()
		})
		_ = x.Wait()
		var has bool
		require.NoError(t, s.Go(func(*task.Ctx) { has = labelled(t, "left-behind") }).Wait())
		require.False(t, has)
	}
}

// A scheduler made with labels has goroutines of its own without, once they have begun.
func TestWorkersHaveNoLabels(t *testing.T) {
	var s *scheduler.Scheduler
	pprof.Do(context.Background(), pprof.Labels("made-with", "1"), func(context.Context) {
		s = open(t, 1)
	})
	// This starts a blocker.
	require.NoError(t, s.Go(func(c *task.Ctx) { _ = c.BlockingOrAbandon(func() {}) }).Wait())
	testkit.Until(t, "goroutines without the labels", func() bool {
		var b strings.Builder
		_ = pprof.Lookup("goroutine").WriteTo(&b, 1)
		for rec := range strings.SplitSeq(b.String(), "\n\n") {
			if strings.Contains(rec, `"made-with":`) &&
				(strings.Contains(rec, "(*loopFiber)") || strings.Contains(rec, "(*worker)") ||
					strings.Contains(rec, "(*Monitor)") || strings.Contains(rec, "runBlocker")) {
				return false
			}
		}
		return true
	})
}

// A task under a context begins with the context's labels. Labels that it sets itself stay while it
// is suspended and when it goes on elsewhere. A blocker that it starts has none of them.
func TestLabelsOfTheContext(t *testing.T) {
	s := open(t, 2)
	ctx := pprof.WithLabels(context.Background(), pprof.Labels("of-the-context", "1"))
	require.NoError(t, s.GoContext(ctx, func(c *task.Ctx) {
		require.True(t, labelled(t, "of-the-context"))
		pprof.Do(c, pprof.Labels("of-the-task", "1"), func(context.Context) {
			for range 100 {
				c.Go(func(c *task.Ctx) { c.Yield() })
				c.Yield()
			}
			require.True(t, labelled(t, "of-the-task"))
			require.True(t, labelled(t, "of-the-context"))
			_ = c.BlockingOrAbandon(func() {})
		})
		require.False(t, labelled(t, "of-the-task"))
	}).Wait())
	require.NoError(t, s.Go(func(*task.Ctx) {
		require.False(t, labelled(t, "of-the-context"))
		require.False(t, labelled(t, "of-the-task"))
	}).Wait())
}

// Go does not pass on the labels of the caller; Parent does, with a context that has them.
func TestLabelsOfTasksThatATaskStarts(t *testing.T) {
	// With one worker they run one after the other, and after Do has taken the labels off the
	// caller.
	s := open(t, 1)
	var plain, under bool
	require.NoError(t, s.Go(func(c *task.Ctx) {
		var ts []task.Task
		pprof.Do(c, pprof.Labels("of-the-starter", "1"), func(ctx context.Context) {
			ts = append(ts,
				c.Go(func(*task.Ctx) { plain = labelled(t, "of-the-starter") }),
				c.Go(func(*task.Ctx) { under = labelled(t, "of-the-starter") }, task.Parent(ctx)))
		})
		for _, x := range ts {
			_ = x.WaitContext(c)
		}
	}).Wait())
	require.False(t, plain)
	require.True(t, under)
}

// A member of a group begins with the labels of the group's context, and without labels if that has
// none.
func TestLabelsOfMembers(t *testing.T) {
	s := open(t, 1)
	for _, labels := range []bool{false, true} {
		ctx := context.WithValue(context.Background(), t, "a value")
		if labels {
			ctx = pprof.WithLabels(ctx, pprof.Labels("of-the-group", "1"))
		}
		g, _ := task.NewGroupContext(ctx, s)
		has := false
		g.Go(func(*task.Ctx) error {
			has = labelled(t, "of-the-group")
			return nil
		})
		require.NoError(t, g.Wait())
		require.Equal(t, labels, has)
	}
}
