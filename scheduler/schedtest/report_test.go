package schedtest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/selfexec"
	"github.com/heddle-go/heddle/task"
)

// HEDDLE_TRACE names a file for the failing run.
func TestTrace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trace.json")
	t.Setenv(envTrace, file)
	f := find(t, Config{}, lostUpdate)
	require.NoError(t, writeTrace("TestX", f))
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	var got traceFile
	require.NoError(t, json.Unmarshal(b, &got))
	require.Equal(t, "TestX", got.Test)
	require.Equal(t, "assertion failed", got.Kind)
	require.Equal(t, f.schedule, got.Schedule)
	steps, names := 0, map[string]bool{}
	for _, e := range got.Events {
		if e.Phase == "M" {
			names[e.Args["name"]] = true
			continue
		}
		require.Equal(t, steps, e.At)
		require.Equal(t, f.steps[steps].what, e.Name)
		require.Equal(t, f.steps[steps].id, e.Tid)
		steps++
	}
	require.Equal(t, len(f.steps), steps)
	require.Len(t, names, 3)

	t.Setenv(envTrace, filepath.Join(file, "x"))
	require.ErrorContains(t, writeTrace("TestX", f), "schedtest: HEDDLE_TRACE: ")
}

// A schedule that one process has found fails in another, by HEDDLE_SCHEDULE and by Replay, with
// the same report.
func TestReplayInAnotherProcess(t *testing.T) {
	const key = "HEDDLE_TEST_REPLAY"
	switch text := os.Getenv(key); {
	case text != "":
		Replay(t, text, lostUpdate)
		return
	case os.Getenv(envSchedule) != "":
		Run(t, Config{}, lostUpdate)
		return
	}
	f := find(t, Config{Seed: 5}, lostUpdate)
	want := table(f.steps)
	for _, env := range []string{key, envSchedule} {
		cmd := selfexec.Command(t.Context(), "-test.run=^TestReplayInAnotherProcess$", "-test.timeout=1m")
		cmd.Env = append(os.Environ(), env+"="+f.schedule)
		out, err := cmd.CombinedOutput()
		require.Error(t, err, "%s", out)
		got := strings.ReplaceAll(string(out), "\n        ", "\n") // as t.Fatal indents it
		require.Contains(t, got, want)
		require.Contains(t, got, f.schedule)
	}
}

// The report shows what a task logs among the task's steps.
func TestLog(t *testing.T) {
	f := find(t, Config{Mode: DepthFirst}, func(c *task.Ctx) {
		c.Checkpoint()
		TOf(c).Logf("n is %d", 7)
		c.Checkpoint()
		TOf(c).Fatal("so ", 8)
	})
	require.Equal(t, "so 8", f.message)
	var whats []string
	for _, s := range f.steps {
		whats = append(whats, s.what)
		require.Equal(t, "main", s.task)
	}
	require.Equal(t, []string{"start", "Ctx.Checkpoint", `"n is 7"`, "Ctx.Checkpoint"}, whats)
	require.Contains(t, table(f.steps), `"n is 7" report_test.go:`)
	require.Equal(t, "wrong 1", find(t, Config{}, func(c *task.Ctx) { TOf(c).Error("wrong ", 1) }).message)
}
