package schedtest

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/selfexec"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// The report of a deadlock names the tasks, what each waits for and where, and which task has it.
func TestDeadlockIsNamed(t *testing.T) {
	f := find(t, Config{}, philosophers)
	require.Equal(t, tasksLeft, f.kind, "the body itself does not wait")
	for i := range 3 {
		require.Regexp(t, fmt.Sprintf(`philosopher %d waits for: mutex, which philosopher %d has, in Mutex\.Lock at search_test\.go:\d+`, i, (i+1)%3), f.message)
	}

	f = find(t, Config{}, func(c *task.Ctx) {
		var a, b tsync.Mutex
		other := c.Go(func(c *task.Ctx) {
			b.Lock()
			defer b.Unlock()
			a.Lock()
			defer a.Unlock()
		}, task.Name("other"))
		a.Lock()
		b.Lock()
		a.Unlock()
		b.Unlock()
		_ = other.Wait()
	})
	require.Equal(t, deadlock, f.kind)
	require.Contains(t, f.message, "main waits for: ")
	require.Contains(t, f.message, "other waits for: mutex, which main has")
}

// The report of a deadlock also says if the task that has the lock has ended.
func TestLockOfAnEndedTask(t *testing.T) {
	f := find(t, Config{}, func(c *task.Ctx) {
		var mu tsync.Mutex
		_ = c.Go(func(c *task.Ctx) { mu.Lock() }, task.Name("careless")).Wait()
		mu.Lock()
	})
	require.Equal(t, deadlock, f.kind)
	require.Contains(t, f.message, "main waits for: mutex, which careless has, which has ended")
}

// A wake-up that comes before the wait is lost.
func TestLostWakeUp(t *testing.T) {
	f := find(t, Config{}, func(c *task.Ctx) {
		var mu tsync.Mutex
		cond := tsync.NewCond(&mu)
		c.Go(func(c *task.Ctx) { cond.Signal() })
		mu.Lock()
		cond.Wait()
		mu.Unlock()
	})
	require.Equal(t, deadlock, f.kind)
	require.Contains(t, f.message, "main waits for: cond")
}

func TestLivelock(t *testing.T) {
	f := find(t, Config{Steps: 500}, func(c *task.Ctx) {
		for !c.Cancelled() {
			c.Checkpoint()
		}
	})
	require.Equal(t, livelock, f.kind)
	require.Contains(t, f.message, "no end after 500 steps")
	require.Contains(t, f.message, "; the last that is known of main is Ctx.C")
}

// A task that passes yield points until another task has done something is no livelock, whatever
// the priorities.
func TestSpinningEnds(t *testing.T) {
	for _, spin := range []func(c *task.Ctx){(*task.Ctx).Checkpoint, (*task.Ctx).Yield} {
		body := func(c *task.Ctx) {
			var e tsync.Event
			look := func(c *task.Ctx) {
				for !e.IsSet() {
					spin(c)
				}
			}
			c.Go(look) // the two must not stand back for each other alone
			c.Go(func(c *task.Ctx) { e.Set() })
			look(c)
		}
		Run(t, Config{Schedules: many(100)}, body)
		// The task that sets the event may have the lowest priority for good.
		Run(t, Config{Schedules: many(100), Mode: PCT, Depth: 1}, body)
	}
}

func TestPanicIsAFailure(t *testing.T) {
	f := find(t, Config{}, func(c *task.Ctx) {
		c.Go(func(c *task.Ctx) { panic("spilt") }, task.Name("milk"))
	})
	require.Equal(t, panicked, f.kind)
	require.Contains(t, f.message, "milk: ")
	require.Contains(t, f.message, "spilt")
}

// A scheduler with a panic handler handles panics.
func TestPanicHandler(t *testing.T) {
	n := 0
	opts := []scheduler.Option{scheduler.WithPanicHandler(func(task.Task, *task.PanicError) { n++ })}
	Run(t, Config{Schedules: 5, Options: opts}, func(c *task.Ctx) { panic("handled") })
	require.Equal(t, 6, n, "the first schedule runs twice")
}

func TestTasksLeft(t *testing.T) {
	f := find(t, Config{}, func(c *task.Ctx) {
		ch := tsync.NewChan[int](0)
		c.Go(func(c *task.Ctx) { _, _, _ = ch.Recv(c) }, task.Name("reader"))
	})
	require.Equal(t, tasksLeft, f.kind)
	require.Contains(t, f.message, "reader waits for: chan receive, in Chan.Recv at failure_test.go")
}

// The messages of failures that leave goroutines behind, and of a test that uses its own t.
func TestFailuresOfTheProcess(t *testing.T) {
	bodies := map[string]struct {
		body func(t *testing.T, c *task.Ctx)
		want []string
	}{
		"native": {func(_ *testing.T, c *task.Ctx) {
			c.Checkpoint()
			<-make(chan int)
		}, []string{"deadlock", "main blocks its worker", "the last that is known of main is Ctx.Checkpoint at failure_test.go"}},
		"blocking": {func(_ *testing.T, c *task.Ctx) {
			_ = c.Blocking(func() { <-make(chan int) })
		}, []string{"deadlock", "main waits for: blocking call, in Ctx.Blocking at failure_test.go"}},
		"goroutine": {func(_ *testing.T, c *task.Ctx) {
			go func() { <-make(chan int) }()
		}, []string{"goroutines left"}},
		"own t":  {func(t *testing.T, c *task.Ctx) { require.Equal(t, 1, 2) }, []string{"expected: 1", "assertion failed", "HEDDLE_SCHEDULE=v1:"}},
		"enough": {nil, []string{"3 schedules were not enough", "raise Config.Schedules"}},
	}
	const key = "HEDDLE_TEST_BODY"
	if name := os.Getenv(key); name != "" {
		if name == "enough" {
			Run(t, Config{Mode: DepthFirst, Preemptions: 1, Schedules: 3}, func(c *task.Ctx) { c.Go(func(c *task.Ctx) {}); c.Go(func(c *task.Ctx) {}) })
			return
		}
		Run(t, Config{}, func(c *task.Ctx) { bodies[name].body(t, c) })
		return
	}
	for name, x := range bodies {
		t.Run(name, func(t *testing.T) {
			cmd := selfexec.Command(t.Context(), "-test.run=^TestFailuresOfTheProcess$", "-test.timeout=1m")
			cmd.Env = append(os.Environ(), key+"="+name)
			out, err := cmd.CombinedOutput()
			require.Error(t, err, "%s", out)
			for _, w := range x.want {
				require.Contains(t, string(out), w)
			}
		})
	}
}

func TestMisuse(t *testing.T) {
	for want, f := range map[string]func(){
		"schedtest: Run with a nil body":                                                     func() { Run(t, Config{}, nil) },
		"schedtest: Replay with a nil body":                                                  func() { Replay(t, "", nil) },
		"schedtest: Config.Schedules is -1: want 1 or more, or 0 for 1000":                   func() { Config{Schedules: -1}.complete(lostUpdate) },
		"schedtest: Config.Mode is 9: want Mixed (0), Random (1), PCT (2) or DepthFirst (3)": func() { Config{Mode: 9}.complete(lostUpdate) },
		"schedtest: Config.Preemptions is -2: want 0 or more, or Unbounded (-1)":             func() { Config{Preemptions: -2}.complete(lostUpdate) },
	} {
		require.PanicsWithValue(t, want, f)
	}
	s, err := scheduler.New()
	require.NoError(t, err)
	defer s.Close()
	_ = s.Go(func(c *task.Ctx) {
		for _, f := range []func(){func() { TOf(c) }, func() { Rand(c) }, func() { Pick(c, 1) }, func() { Scheduler(c) }} {
			assert.Panics(t, f, "c is no task of a body")
		}
	}).Wait()
	require.Contains(t, find(t, Config{}, func(c *task.Ctx) { Pick(c, 0) }).message, "schedtest: Pick(0): want 1 or more")
}
