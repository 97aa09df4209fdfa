package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heddle-go/heddle/internal/balance"
	"github.com/heddle-go/heddle/internal/selfexec"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/scheduler/schedtest"
	"github.com/heddle-go/heddle/task"
)

func TestMain(m *testing.M) {
	balance.Watch()
	goleak.VerifyTestMain(m)
}

// A plain test. It is passed by the first version, too: the two tasks would have to meet within
// nanoseconds.
func TestDay(t *testing.T) {
	sched, err := scheduler.New()
	require.NoError(t, err)
	defer sched.Close()
	require.NoError(t, sched.Go(func(c *task.Ctx) {
		require.Equal(t, 40, day(mended))
	}).Wait())
}

// The same under schedules that schedtest chooses.
func noOverdraft(f transfer) func(c *task.Ctx) {
	return func(c *task.Ctx) {
		require.GreaterOrEqual(schedtest.TOf(c), day(f), 0, "overdrawn")
	}
}

func TestNoOverdraft(t *testing.T) {
	schedtest.Run(t, schedtest.Config{}, noOverdraft(mended))
}

// All orders with up to two preemptions.
func TestNoOverdraftAtAll(t *testing.T) {
	schedtest.Run(t, schedtest.Config{Mode: schedtest.DepthFirst, Preemptions: 2}, noOverdraft(mended))
}

// The schedule that showed the bug stays as a test. (It is one of the first version: another
// program has other choices.)
func TestTheBugOfTheFirstVersion(t *testing.T) {
	const key = "HEDDLE_TEST_FIRST"
	if os.Getenv(key) != "" {
		schedtest.Run(t, schedtest.Config{}, noOverdraft(first))
		return
	}
	cmd := selfexec.Command(t.Context(), "-test.run=^TestTheBugOfTheFirstVersion$", "-test.timeout=1m")
	cmd.Env = append(os.Environ(), key+"=1")
	b, err := cmd.CombinedOutput()
	require.Error(t, err, "%s", b)
	out := strings.ReplaceAll(string(b), "\n        ", "\n") // as t.Fatal indents it

	// README.md shows this report.
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, shown, ok := strings.Cut(string(readme), "    the shortest failing schedule that was found:\n")
	require.True(t, ok)
	shown, _, _ = strings.Cut(shown, "\n\n")
	for line := range strings.SplitSeq(shown, "\n") {
		require.Contains(t, out, strings.TrimPrefix(line, "    "))
	}
}

func TestRun(t *testing.T) {
	var out, errs bytes.Buffer
	require.Equal(t, 0, run([]string{"-days", "10"}, &out, &errs), errs.String())
	require.Contains(t, out.String(), "of 10 days")
	require.Contains(t, out.String(), "the mended version: overdrawn on 0 of 10 days")
	for _, args := range [][]string{{"-days", "0"}, {"x"}, {"-nonsense"}} {
		errs.Reset()
		require.Equal(t, 2, run(args, &out, &errs))
		require.NotEmpty(t, errs.String())
	}
}
