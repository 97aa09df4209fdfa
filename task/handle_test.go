package task_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// TestNameAfterTheEnd: handles keep the name, whatever their descriptor does after the task's end.
func TestNameAfterTheEnd(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	var handles []task.Task
	for i := range 200 {
		tk := s.Go(func(c *task.Ctx) { c.Yield() }, task.Name(fmt.Sprint("n", i)))
		require.NoError(t, tk.Wait())
		handles = append(handles, tk)
		require.NoError(t, s.Go(func(c *task.Ctx) {}).Wait())
	}
	for i, tk := range handles {
		require.Equal(t, fmt.Sprint("n", i), tk.Name())
		require.Equal(t, fmt.Sprintf("task %q (done)", fmt.Sprint("n", i)), tk.String())
		require.Equal(t, task.Done, tk.State())
		require.NoError(t, tk.Err())
	}
}

// TestLogged: structured logs show tasks in a form that people can read.
func TestLogged(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	var b bytes.Buffer
	l := slog.New(slog.NewJSONHandler(&b, nil))
	require.NoError(t, s.Go(func(c *task.Ctx) {
		l.Info("", "task", c.Task(), "ctx", c, "state", c.Task().State(), "level", task.High, "policy", scheduler.DropOldest,
			"pinning", scheduler.CPUs, "stall", scheduler.Stall{Task: c.Task(), Name: "x"})
	}, task.Name("x")).Wait())
	var m map[string]any
	require.NoError(t, json.Unmarshal(b.Bytes(), &m))
	running := `task "x" (running)`
	require.Equal(t, []any{running, running, "running", "high", "drop-oldest", "cpus", "x"},
		[]any{m["task"], m["ctx"], m["state"], m["level"], m["policy"], m["pinning"], m["stall"].(map[string]any)["task"]})
}
