package wait_test

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heddle-go/heddle/internal/balance"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

func TestMain(m *testing.M) {
	balance.Watch()
	goleak.VerifyTestMain(m)
}

var (
	bg      = context.Background()
	errStop = errors.New("stop")
)

func open(t *testing.T, workers int, opts ...scheduler.Option) *scheduler.Scheduler {
	t.Helper()
	s, err := scheduler.New(append(opts, scheduler.WithWorkers(workers))...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// onTask runs f as a task of a new scheduler with one worker, and returns when it has ended. f must
// not fail the test by FailNow.
func onTask(t *testing.T, f func(c *task.Ctx)) {
	t.Helper()
	require.NoError(t, open(t, 1).Go(f).Wait())
}

func desc(c *task.Ctx) *rt.Task { return (*rt.Life)(c).Task() }

// enter is wait.Enter for callers that do not know what ctx is.
func enter(ctx context.Context) (*rt.Task, error) {
	of, _ := ctx.(*task.Ctx)
	return wait.Enter(ctx, (*rt.Life)(of))
}

// untilWaiting returns when the task x waits.
func untilWaiting(x task.Task) {
	for x.State() != task.Waiting {
		runtime.Gosched()
	}
}

// recovered returns what f panics with, or nil.
func recovered(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}
