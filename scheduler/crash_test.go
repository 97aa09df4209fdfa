package scheduler_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// evilError panics in Error when it is nil, as many do.
type evilError struct{ text string }

func (e *evilError) Error() string { return e.text }

type evilStringer struct{}

func (evilStringer) String() string { panic("the stringer's own panic") }

type exitingError struct{}

func (exitingError) Error() string { runtime.Goexit(); return "" }

// crashOutput names the file for debug.SetCrashOutput in a child.
const crashOutput = "HEDDLE_TEST_CRASH_OUTPUT"

func init() {
	for name, v := range map[string]any{
		"string": "the value", "nil-error": (*evilError)(nil), "stringer": evilStringer{}, "exiting-error": exitingError{},
	} {
		for pinning, p := range map[string]scheduler.Pinning{"pinned": scheduler.Threads, "unpinned": scheduler.None} {
			children["crash-"+name+"-"+pinning] = func() {
				if path := os.Getenv(crashOutput); path != "" {
					f, _ := os.Create(path)
					debug.SetCrashOutput(f, debug.CrashOptions{})
				}
				s, _ := scheduler.New(scheduler.WithWorkers(2), scheduler.WithPinning(p))
				bystander := s.Go(func(c *task.Ctx) {
					defer func() {
						if v := recover(); v != nil {
							os.Exit(7)
						}
					}()
					c.Park()
				})
				for bystander.State() != task.Waiting {
					runtime.Gosched()
				}
				s.Go(func(c *task.Ctx) {
					c.Yield()
					panickingFunction(v)
				}, task.Name("culprit")).Wait()
				os.Exit(8)
			}
		}
	}
	children["crash-panic-nil"] = func() {
		debug.SetTraceback("single")
		s, _ := scheduler.New(scheduler.WithWorkers(1))
		s.Go(func(c *task.Ctx) { panickingFunction(nil) }, task.Name("culprit")).Wait()
		os.Exit(8)
	}
	children["crash-in-the-worker"] = func() {
		s, _ := scheduler.New(scheduler.WithWorkers(1))
		release, running := make(chan struct{}), make(chan struct{})
		s.Go(func(*task.Ctx) { close(running); <-release })
		<-running
		var none context.Context
		d, gen, _ := s.Admit(none, badSkip{}, nil)
		t := task.Task(rt.HandleOf(d, gen))
		t.Cancel()
		close(release)
		t.Wait()
		os.Exit(8)
	}
}

// badSkip panics on the worker, outside of any task's function.
type badSkip struct{}

func (badSkip) Run(*rt.Task)  {}
func (badSkip) Skip(*rt.Task) { panickingFunction("in Skip") }

// An unhandled panic with any value ends the process with the task's name and stack, whether
// workers are pinned or not, and no other task sees the panic.
func TestCrashNamesTaskAndStack(t *testing.T) {
	for name, want := range map[string]string{
		"string":        "panic: the value",
		"nil-error":     "nil pointer dereference",
		"stringer":      "the stringer's own panic",
		"exiting-error": "panic: (scheduler_test.exitingError)",
	} {
		for _, pinning := range []string{"pinned", "unpinned"} {
			t.Run(name+"/"+pinning, func(t *testing.T) {
				code, out := child(t, "crash-"+name+"-"+pinning)
				require.Equal(t, 2, code, out)
				require.Contains(t, out, want)
				require.Contains(t, out, "unhandled panic in task culprit")
				require.Contains(t, out, "panickingFunction")
			})
		}
	}
}

// The process ends by the Go runtime's own panic.
func TestCrashGoesThroughTheRuntime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crash.txt")
	t.Setenv(crashOutput, path)
	t.Setenv("GOTRACEBACK", "all")
	code, out := child(t, "crash-string-pinned")
	require.Equal(t, 2, code, out)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	for where, text := range map[string]string{"stderr": out, "SetCrashOutput": string(b)} {
		require.Contains(t, text, "panic: the value", where)
		require.Contains(t, text, "panickingFunction", where)
		require.Greater(t, strings.Count(text, "\ngoroutine "), 2, "GOTRACEBACK=all shows the others, in %s", where)
		require.Contains(t, text, "goroutine 1 [", where)
	}
}

// GOTRACEBACK=crash ends the process by SIGABRT, which is what writes a core.
func TestCrashByGOTRACEBACK(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGABRT")
	}
	t.Setenv("GOTRACEBACK", "crash")
	code, out := child(t, "crash-string-unpinned")
	require.Equal(t, -1, code, "ended by a signal")
	require.Contains(t, out, "panic: the value")
}

// panic(nil) is a panic also where recover returns nil for it.
func TestCrashByPanicNil(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1")
	code, out := child(t, "crash-panic-nil")
	require.Equal(t, 2, code, out)
	require.Contains(t, out, "unhandled panic in task culprit")
	require.Contains(t, out, "panickingFunction")
}

// A panic on a worker outside of tasks is not taken for a Goexit of the task that ran last.
func TestCrashInTheWorker(t *testing.T) {
	code, out := child(t, "crash-in-the-worker")
	require.Equal(t, 2, code, out)
	require.Contains(t, out, "panic: in Skip")
	require.Contains(t, out, "panickingFunction")
}
