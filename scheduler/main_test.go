package scheduler_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heddle-go/heddle/internal/balance"
	"github.com/heddle-go/heddle/internal/selfexec"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// childEnv names the scenario that a re-executed test binary runs instead of the tests.
const childEnv = "HEDDLE_TEST_CHILD"

// children are the scenarios that end their process, by name.
var children = map[string]func(){}

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		children[name]()
		os.Exit(0)
	}
	balance.Watch()
	goleak.VerifyTestMain(m)
}

// child runs a scenario in a process of its own and returns its exit code and what it
// wrote.
func child(t *testing.T, name string) (code int, stderr string) {
	t.Helper()
	require.Contains(t, children, name)
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	cmd := selfexec.Command(ctx, "-test.run=^$")
	cmd.Env = append(os.Environ(), childEnv+"="+name)
	var b strings.Builder
	cmd.Stderr = &b
	err := cmd.Run()
	require.NoError(t, ctx.Err(), "the child did not end; it wrote:\n%s", b.String())
	if err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError))
	}
	return cmd.ProcessState.ExitCode(), b.String()
}

var workerCounts = []int{1, 2, 4, 8, 64}

// open starts a scheduler, and closes it when the test ends; then everything
// must balance.
func open(t testing.TB, workers int, opts ...scheduler.Option) *scheduler.Scheduler {
	t.Helper()
	s, err := scheduler.New(append([]scheduler.Option{scheduler.WithWorkers(workers)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() {
		finish(t, "Close", func() { s.Close() })
		requireBalance(t, s)
	})
	return s
}

// requireBalance checks the counters of a scheduler that has ended. Package balance checks others.
func requireBalance(t testing.TB, s *scheduler.Scheduler) {
	t.Helper()
	st := s.Stats()
	require.Equal(t, st.Spawned, st.Finished, "tasks accepted and ended: %+v", st)
	require.Zero(t, st.Stranded, "work was left beside a sleeping worker: %+v", st)
	require.Zero(t, st.Queued, "%+v", st)
}

// finish calls a function that must not hang.
var finish = testkit.Finish

// eachCount runs a test with several numbers of workers.
func eachCount(t *testing.T, counts []int, test func(t *testing.T, n int)) {
	for _, n := range counts {
		t.Run(fmt.Sprintf("workers=%d", n), func(t *testing.T) { test(t, n) })
	}
}

// scale reduces the size of a test where time is dear.
func scale(n int) int { return testkit.Scale{Race: 10, Short: 10, Emulated: 5, Least: 1}.Of(n) }

// waitAll waits for all tasks and requires that they ended well.
func waitAll(t *testing.T, ts []task.Task) {
	t.Helper()
	for _, x := range ts {
		require.NoError(t, x.Wait())
	}
}

// An errlog collects what goes wrong inside tasks, where FailNow would
// end the task and not the test.
type errlog struct {
	mu   sync.Mutex
	errs []string
}

func (l *errlog) check(ok bool, format string, args ...any) bool {
	if !ok {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.errs = append(l.errs, fmt.Sprintf(format, args...))
	}
	return ok
}

func (l *errlog) require(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	require.Empty(t, l.errs)
}
