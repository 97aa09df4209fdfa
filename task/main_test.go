package task_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heddle-go/heddle/internal/balance"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

func TestMain(m *testing.M) {
	balance.Watch()
	goleak.VerifyTestMain(m)
}

var errStop = errors.New("stop")

// guarded runs a test with 1, 2 and 4 workers. A hang ends the process and prints all stacks. At
// the end the scheduler must balance.
func guarded(t *testing.T, opts []scheduler.Option, test func(t *testing.T, s *scheduler.Scheduler)) {
	for _, n := range []int{1, 2, 4} {
		t.Run(fmt.Sprintf("workers=%d", n), func(t *testing.T) {
			s, err := scheduler.New(append([]scheduler.Option{scheduler.WithWorkers(n)}, opts...)...)
			require.NoError(t, err)
			hung := time.AfterFunc(testkit.Patience, func() {
				buf := make([]byte, 1<<20)
				panic(fmt.Sprintf("%s hangs\n%s", t.Name(), buf[:runtime.Stack(buf, true)]))
			})
			defer hung.Stop()
			test(t, s)
			require.NoError(t, s.Close())
			st := s.Stats()
			require.Equal(t, st.Spawned, st.Finished)
			require.Zero(t, st.Stranded)
		})
	}
}

// asEach is guarded. It calls body three times: by a task, by a task that passes a context derived
// from its own, and by a goroutine. Bodies use assert, because a task must not call FailNow.
func asEach(t *testing.T, body func(t *testing.T, s *scheduler.Scheduler, ctx context.Context)) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		t.Run("task", func(t *testing.T) {
			require.NoError(t, s.Go(func(c *task.Ctx) { body(t, s, c) }).Wait())
		})
		t.Run("derived", func(t *testing.T) {
			require.NoError(t, s.Go(func(c *task.Ctx) {
				ctx, cancel := context.WithCancel(c)
				defer cancel()
				body(t, s, ctx)
			}).Wait())
		})
		t.Run("goroutine", func(t *testing.T) { body(t, s, context.Background()) })
	})
}

// starter returns the task of ctx if there is one.
func starter(s *scheduler.Scheduler, ctx context.Context) task.Starter {
	if c, ok := task.From(ctx); ok {
		return c
	}
	return s
}

func ok(*task.Ctx) error { return nil }

// untilCancelled is the function of a member that ends when it is cancelled.
func untilCancelled(c *task.Ctx) error { return c.Sleep(time.Hour) }

// recovered returns the value that f panics with.
func recovered(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}
