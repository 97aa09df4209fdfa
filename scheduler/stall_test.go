package scheduler_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// spinFirst and spinSecond hold their workers until stop is set. Their names are to be in the
// stacks.
//
//go:noinline
func spinFirst(c *task.Ctx, stop *atomic.Bool) {
	for !stop.Load() {
	}
}

//go:noinline
func spinSecond(c *task.Ctx, stop *atomic.Bool) {
	for !stop.Load() {
	}
}

// Each report has the stack of its own task and of no other, however many run and are parked.
func TestStallHasItsStack(t *testing.T) {
	var stop atomic.Bool
	reports := make(chan scheduler.Stall, 2)
	s := open(t, 3, scheduler.WithStallAfter(time.Second), scheduler.WithQuantum(scheduler.MinQuantum),
		scheduler.WithStallHandler(func(st scheduler.Stall) { reports <- st }))
	defer stop.Store(true)
	for range 20 {
		s.Go(func(c *task.Ctx) { _ = c.Park() })
	}
	s.Go(func(c *task.Ctx) { spinFirst(c, &stop) }, task.Name("first"))
	s.Go(func(c *task.Ctx) {
		c.Yield()
		spinSecond(c, &stop)
	}, task.Name("second"))
	stacks := map[string]string{}
	for range 2 {
		finish(t, "a report", func() {
			st := <-reports
			stacks[st.Name] = st.Stack
		})
	}
	for name, f := range map[string]string{"first": "spinFirst", "second": "spinSecond"} {
		require.Contains(t, stacks[name], "."+f+"(", name)
		require.Equal(t, 1, strings.Count(stacks[name], ").loop("), "one goroutine: %s", stacks[name])
		require.Contains(t, stacks[name], "TestStallHasItsStack.func", "where the task was started")
	}
}

// sysmon, asleep until a timer that is far away, watches again as soon as a worker wakes.
func TestStallBesideALaterTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stalls []scheduler.Stall
		s := open(t, 1, scheduler.WithStallHandler(func(st scheduler.Stall) { stalls = append(stalls, st) }))
		s.GoAfter(time.Hour, func(*task.Ctx) {})
		time.Sleep(10 * time.Minute) // all workers sleep, and sysmon has given all memory back
		_ = s.Go(func(c *task.Ctx) { time.Sleep(time.Minute) }, task.Name("hog")).Wait()
		synctest.Wait() // for the handler
		require.Len(t, stalls, 1)
		require.Equal(t, "hog", stalls[0].Name)
	})
}

// Without yield points for a long time on the only worker: the report names what waits behind it,
// in the order in which it would run, and the log can be read as JSON.
func TestStallNamesWhatItHoldsUp(t *testing.T) {
	var out bytes.Buffer
	var stalls []scheduler.Stall
	synctest.Test(t, func(t *testing.T) {
		s := open(t, 1, scheduler.WithLogger(slog.New(slog.NewJSONHandler(&out, nil))),
			scheduler.WithStallHandler(func(st scheduler.Stall) { stalls = append(stalls, st) }))
		_ = s.Go(func(c *task.Ctx) {
			for _, name := range []string{"a", "b", "c"} {
				c.Go(func(*task.Ctx) {}, task.Name(name))
			}
			for range 20 {
				c.Go(func(*task.Ctx) {})
			}
			c.Go(func(*task.Ctx) {}, task.Name("newest"))
			time.Sleep(1500 * time.Millisecond)
		}, task.Name("hog")).Wait()
	})
	require.Len(t, stalls, 1)
	st := stalls[0]
	require.Equal(t, 24, st.Queued)
	require.Len(t, st.Behind, 8)
	names := []string{st.Behind[0].Name, st.Behind[1].Name, st.Behind[2].Name, st.Behind[3].Name}
	require.Equal(t, []string{"newest", "a", "b", "c"}, names)
	require.Contains(t, st.Stack, "TestStallNamesWhatItHoldsUp")

	var line struct {
		Level, Msg, Task, State, Next, Stack, Hint string
		Age                                        time.Duration
		Worker, Queued                             int
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &line), out.String())
	require.Equal(t, "WARN", line.Level)
	require.Equal(t, "hog", line.Task)
	require.Equal(t, "running", line.State)
	require.Equal(t, st.Age, line.Age)
	require.Equal(t, 24, line.Queued)
	require.Contains(t, line.Next, `"newest"`)
	require.Equal(t, st.Stack, line.Stack)
	require.NotEmpty(t, line.Hint)
}

//go:noinline
func waitNatively(c *task.Ctx, stop chan struct{}) { <-stop }

// crowd starts n tasks that park, and returns when all have.
func crowd(t *testing.T, s *scheduler.Scheduler, n int) {
	t.Helper()
	for range n {
		s.Go(func(c *task.Ctx) { _ = c.Park() })
	}
	testkit.Until(t, "all are parked", func() bool { return s.Stats().Waiting == n })
}

// reportsOf returns the first report of each of the named tasks.
func reportsOf(t *testing.T, reports <-chan scheduler.Stall, names ...string) map[string]scheduler.Stall {
	t.Helper()
	got := map[string]scheduler.Stall{}
	for len(got) < len(names) {
		finish(t, "a report", func() {
			if st := <-reports; slices.Contains(names, st.Name) {
				got[st.Name] = st
			}
		})
	}
	return got
}

// With more goroutines than the Go runtime may print, a report has the stacks of all tasks that
// run or are blocked, and of no others. With labels it has only that of its own task.
func TestStallAmongManyHasItsStack(t *testing.T) {
	for _, labels := range []bool{false, true} {
		t.Run(fmt.Sprint("labels=", labels), func(t *testing.T) {
			var stop atomic.Bool
			native := make(chan struct{})
			reports := make(chan scheduler.Stall, 1000)
			opts := []scheduler.Option{
				scheduler.WithStallAfter(time.Second), scheduler.WithQuantum(scheduler.MinQuantum),
				scheduler.WithStallHandler(func(st scheduler.Stall) { reports <- st }),
			}
			if labels {
				opts = append(opts, scheduler.WithNameLabels())
			}
			s := open(t, 4, opts...)
			defer close(native)
			defer stop.Store(true)
			crowd(t, s, 1100)
			s.Go(func(c *task.Ctx) { spinFirst(c, &stop) }, task.Name("first"))
			s.Go(func(c *task.Ctx) {
				c.Yield()
				waitNatively(c, native)
			}, task.Name("second"))
			got := reportsOf(t, reports, "first", "second")
			for name, st := range got {
				own, other := ".spinFirst(...)", ".waitNatively(...)"
				if name == "second" {
					own, other = other, own
				}
				require.Contains(t, st.Stack, own, name)
				if labels {
					require.NotContains(t, st.Stack, other, name)
					require.NotContains(t, st.Stack, "one of the")
					require.Contains(t, st.Stack, "stall_test.go:")
				} else {
					require.Contains(t, st.Stack, other, name)
					require.Contains(t, st.Stack, "one of the 2 stacks")
				}
				require.NotContains(t, st.Stack, "Park(", name)
				require.GreaterOrEqual(t, st.Age, time.Second)
			}
		})
	}
}

// Values that programs log are objects in JSON, not text.
func TestValuesInJSONLogs(t *testing.T) {
	s := open(t, 1, scheduler.WithLatencies(scheduler.Exact))
	parked := s.Go(func(c *task.Ctx) { _ = c.Park() }, task.Name("idler"))
	testkit.Until(t, "it is parked", func() bool { return parked.State() == task.Waiting })
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, nil))
	for i := range s.Tasks() {
		log.Info("x", "info", i, "stall", scheduler.Stall{Task: i.Task, Name: i.Name, Age: 5, Stack: "s"},
			"wait", s.Stats().Latencies.All().Queue, "stats", s.Stats(), "mode", scheduler.Exact)
	}
	var line struct {
		Info struct {
			Task, State, Level string
			Waits              string `json:"waits_for"`
			Worker             int
		}
		Stall struct {
			Task, Stack string
			Age         int
		}
		Wait struct {
			Count uint64
			P99   time.Duration
		}
		Stats struct {
			Spawned   uint64
			Latencies struct {
				Levels []struct{ Queue struct{ Count uint64 } }
			}
		}
		Mode string
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &line), out.String())
	require.Equal(t, "waiting", line.Info.State)
	require.Equal(t, "ready", line.Info.Waits)
	require.Contains(t, line.Info.Task, "idler")
	require.Equal(t, "idler", line.Stall.Task)
	require.Equal(t, "s", line.Stall.Stack)
	require.Equal(t, 5, line.Stall.Age)
	require.EqualValues(t, 1, line.Wait.Count)
	require.EqualValues(t, 1, line.Stats.Spawned)
	require.EqualValues(t, 1, line.Stats.Latencies.Levels[0].Queue.Count)
	require.Equal(t, "exact", line.Mode)
}
