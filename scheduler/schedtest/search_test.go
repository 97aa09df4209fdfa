package schedtest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/selfexec"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// lostUpdate reads a number and writes it back in two critical sections instead of one.
func lostUpdate(c *task.Ctx) {
	n := 0
	var mu tsync.Mutex
	var wg tsync.WaitGroup
	for range 2 {
		wg.Go(func() {
			mu.Lock()
			v := n
			mu.Unlock()
			mu.Lock()
			n = v + 1
			mu.Unlock()
		})
	}
	wg.Wait()
	require.Equal(TOf(c), 2, n)
}

// philosophers take the fork on the left and then the one on the right.
func philosophers(c *task.Ctx) {
	var fork [3]tsync.Mutex
	for i := range fork {
		c.Go(func(c *task.Ctx) {
			left, right := &fork[i], &fork[(i+1)%3]
			left.Lock()
			defer left.Unlock()
			right.Lock()
			defer right.Unlock()
		}, task.Name(fmt.Sprint("philosopher ", i)))
	}
}

// find returns the failure that a search finds. If the search finds none, the test fails.
func find(t *testing.T, cfg Config, body func(c *task.Ctx)) *failure {
	t.Helper()
	r := search(t, cfg.complete(body))
	require.NotNil(t, r.failed, "no schedule of %d has failed", r.schedules)
	require.False(t, t.Failed())
	return r.failed
}

// Every mode finds a lost update, and the schedule replays.
func TestModesFindALostUpdate(t *testing.T) {
	for _, cfg := range part([]Config{
		{}, {Mode: PCT, Depth: 2}, {Mode: DepthFirst, Preemptions: 1},
		{Mode: Random}, {Mode: PCT}, {Mode: DepthFirst, Preemptions: Unbounded},
	}) {
		f := find(t, cfg, lostUpdate)
		require.Equal(t, assertionFailed, f.kind)
		require.Contains(t, f.message, "expected: 2")
		s, err := parseSchedule(f.schedule)
		require.NoError(t, err)
		for range 20 {
			x := again(t, Config{}.complete(lostUpdate), s, true, true)
			require.NotNil(t, x.fail)
			require.Equal(t, f.message, x.fail.message)
			require.Equal(t, f.steps, x.trace)
		}
	}
	r := search(t, Config{Mode: DepthFirst}.complete(lostUpdate))
	require.True(t, r.complete)
	require.Nil(t, r.failed, "without a preemption nothing is lost")
}

// The schedule that is reported has no more preemptions than the bug needs.
func TestShrink(t *testing.T) {
	seeds := 20
	if testing.Short() {
		seeds = 4
	}
	for seed := range uint64(seeds) {
		cfg := Config{Mode: Random, Seed: seed}.complete(lostUpdate)
		r := search(t, cfg)
		require.NotNil(t, r.failed)
		s, err := parseSchedule(r.failed.schedule)
		require.NoError(t, err)
		require.Equal(t, 1, again(t, cfg, s, true, false).preemptions, "seed %d", seed)
		require.Less(t, len(r.failed.steps), 25)
	}
}

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
	require.Contains(t, f.message, "reader waits for: chan receive, in Chan.Recv at search_test.go")
}

// When a schedule has failed, the deferred functions of all tasks run, and none goes on.
func TestDeferredFunctionsRun(t *testing.T) {
	deferred, after := 0, 0
	body := func(c *task.Ctx) {
		deferred, after = 0, 0
		var mu tsync.Mutex
		mu.Lock()
		for range 3 {
			c.Go(func(c *task.Ctx) {
				defer func() {
					deferred++
					mu.Lock() // never free
					after++
				}()
				mu.Lock()
				after++
			})
		}
		_ = c.Sleep(time.Second)
		TOf(c).Errorf("enough")
		_ = c.Sleep(time.Second)
		after++
	}
	require.Equal(t, "enough", find(t, Config{}, body).message)
	require.Equal(t, 3, deferred)
	require.Zero(t, after)
}

// Run reports a body that is not deterministic.
func TestNotDeterministic(t *testing.T) {
	f := find(t, Config{}, func(c *task.Ctx) {
		for range rand.IntN(1<<20) % 50 {
			c.Checkpoint()
		}
		TOf(c).Errorf("always")
	})
	require.Equal(t, notDeterministic, f.kind)
	require.Contains(t, f.message, "ranging over a map")

	runs := 0
	f = find(t, Config{}, func(c *task.Ctx) {
		if runs++; runs == 2 {
			c.Checkpoint()
		}
	})
	require.Equal(t, notDeterministic, f.kind)
	require.Contains(t, f.message, "two runs, one of 1 steps and one of 2")

	runs = 0
	f = find(t, Config{}, func(c *task.Ctx) {
		if runs++; runs == 2 {
			TOf(c).Errorf("second")
		}
	})
	require.Equal(t, notDeterministic, f.kind)
	require.Contains(t, f.message, "has not failed, and then has")

	runs = 0
	f = find(t, Config{}, func(c *task.Ctx) {
		if runs++; runs == 4 {
			TOf(c).Errorf("once")
		}
	})
	require.Equal(t, notDeterministic, f.kind)
	require.Contains(t, f.message, "has failed, and then has not")

	runs = 0
	f = find(t, Config{Mode: DepthFirst, Preemptions: 2}, func(c *task.Ctx) {
		runs++
		for range 1 + runs%3 {
			c.Go(func(c *task.Ctx) {})
		}
	})
	require.Equal(t, notDeterministic, f.kind)
}

// A body may use random numbers of Rand: it stays deterministic, and a replay has the same numbers.
func TestRand(t *testing.T) {
	body := func(c *task.Ctx) {
		for range Rand(c).IntN(10) {
			c.Checkpoint()
		}
		if Rand(c).IntN(8) == 0 {
			TOf(c).Errorf("%d", Rand(c).Uint64())
		}
	}
	f := find(t, Config{}, body)
	require.Equal(t, assertionFailed, f.kind)
	s, err := parseSchedule(f.schedule)
	require.NoError(t, err)
	require.Equal(t, f.message, again(t, Config{}.complete(body), s, true, false).fail.message)
}

// Depth-first search runs as many schedules as there are orders of the turns, counted here by hand.
//
// Main has three turns: m1, in which it starts A, m2, in which it starts B, and m3. m1 is first. m2
// comes before m3 and before B's turns. If A and B have one turn each, there are two orders without
// A, m2 m3 B and m2 B m3. In each of them A can come at 4 places, which makes 8. If A and B have
// two turns each, there are 3 orders without A: m2 is first, and m3 has 3 places among the two
// turns of B. In each of them A's two turns can come at 15 pairs of places, which makes 45.
//
// With at most one preemption and one turn each, there are 7: all but m1 A m2 B m3. Without a
// preemption, main runs to its end, and 2 are left: A B and B A.
func TestDepthFirstCounts(t *testing.T) {
	body := func(points int) func(c *task.Ctx) {
		child := func(c *task.Ctx) {
			for range points {
				c.Checkpoint()
			}
		}
		return func(c *task.Ctx) {
			c.Go(child)
			c.Go(child)
		}
	}
	for _, x := range []struct{ points, preemptions, want int }{
		{0, Unbounded, 8}, {1, Unbounded, 45}, {0, 2, 8}, {0, 1, 7}, {0, 0, 2}, {1, 0, 2},
	} {
		r := search(t, Config{Mode: DepthFirst, Preemptions: x.preemptions}.complete(body(x.points)))
		require.Nil(t, r.failed)
		require.True(t, r.complete)
		require.Equal(t, x.want, r.schedules, "%+v", x)
	}
	// Picks are choices too.
	picked := map[int]int{}
	r := search(t, Config{Mode: DepthFirst}.complete(func(c *task.Ctx) { picked[3*Pick(c, 4)+Pick(c, 3)]++ }))
	require.True(t, r.complete)
	require.Equal(t, 12, r.schedules)
	require.Len(t, picked, 12)
}

// Each case of a Select that can go on is chosen in some schedule.
func TestSelectIsPartOfTheSchedule(t *testing.T) {
	seen := map[int]int{}
	Run(t, Config{Mode: DepthFirst}, func(c *task.Ctx) {
		a, b, never := tsync.NewChan[int](1), tsync.NewChan[int](1), tsync.NewChan[int](0)
		a.TrySend(1)
		b.TrySend(2)
		cases := []tsync.Case{never.RecvCase(), a.RecvCase(), b.RecvCase()}
		chosen, err := tsync.Select(c, cases...)
		require.NoError(TOf(c), err)
		for i, x := range cases {
			if x == chosen {
				seen[i]++
			}
		}
	})
	require.NotContains(t, seen, 0)
	require.Contains(t, seen, 1)
	require.Contains(t, seen, 2)
}

// An hour passes at once, in heddle's time and in the standard library's, and both agree.
func TestTimeIsVirtual(t *testing.T) {
	Run(t, Config{Schedules: 20}, func(c *task.Ctx) {
		t := TOf(c)
		begin := time.Now()
		since := func() time.Duration { return time.Since(begin) }
		require.NoError(t, c.Sleep(time.Hour))
		require.Equal(t, time.Hour, since())

		timer := tsync.NewTimer(c, time.Minute)
		_, _, err := timer.C.Recv(c)
		require.NoError(t, err)
		require.Equal(t, time.Hour+time.Minute, since())

		ctx, cancel := task.WithTimeout(c, time.Minute)
		defer cancel()
		require.ErrorIs(t, task.Sleep(ctx, time.Hour), context.DeadlineExceeded)
		require.Equal(t, time.Hour+2*time.Minute, since())

		std, cancel := context.WithTimeout(c, time.Minute)
		defer cancel()
		require.ErrorIs(t, task.Sleep(std, time.Hour), context.DeadlineExceeded)
		require.Equal(t, time.Hour+3*time.Minute, since())

		runs := 0
		Scheduler(c).GoAfter(time.Second, func(*task.Ctx) { runs++ })
		every := Scheduler(c).GoEvery(time.Minute, func(*task.Ctx) { runs++ })
		require.NoError(t, c.Sleep(time.Hour+time.Second/2))
		require.Equal(t, 61, runs)
		every.Cancel()
	})
}

// If tasks become ready at the same virtual time, their order is a choice.
func TestTimersAreAChoice(t *testing.T) {
	seen := map[string]bool{}
	Run(t, Config{Mode: DepthFirst}, func(c *task.Ctx) {
		s := ""
		var wg tsync.WaitGroup
		for _, name := range []string{"a", "b", "c"} {
			wg.Go(func() {
				c, _ := task.Current()
				_ = c.Sleep(time.Minute)
				s += name
			})
		}
		wg.Wait()
		seen[s] = true
	})
	require.Len(t, seen, 6)
}

// Blocking calls, and what plain goroutines do between two steps, are in the order chosen.
func TestBlockingRunsInOrder(t *testing.T) {
	seen := map[string]bool{}
	body := func(c *task.Ctx) {
		s := ""
		native := make(chan string)
		var wg tsync.WaitGroup
		for _, name := range []string{"a", "b"} {
			wg.Go(func() {
				c, _ := task.Current()
				_ = c.Blocking(func() { native <- name })
				s += name
			})
		}
		for range 2 {
			v, _, err := task.Receive(c, native)
			require.NoError(TOf(c), err)
			s += strings.ToUpper(v)
		}
		wg.Wait()
		seen[s] = true
		if s == "BbAa" {
			assert.Fail(TOf(c), "found")
		}
	}
	f := find(t, Config{}, body)
	require.Equal(t, assertionFailed, f.kind)
	require.Greater(t, len(seen), 1)
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
		}, []string{"deadlock", "main blocks its worker", "the last that is known of main is Ctx.Checkpoint at search_test.go"}},
		"blocking": {func(_ *testing.T, c *task.Ctx) {
			_ = c.Blocking(func() { <-make(chan int) })
		}, []string{"deadlock", "main waits for: blocking call, in Ctx.Blocking at search_test.go"}},
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

// A schedule is the same on all architectures, with and without the race detector, in all
// versions that write v1.
func TestSchedulesOfOtherMachines(t *testing.T) {
	for _, x := range []struct {
		schedule, message string
		steps             int
		body              func(c *task.Ctx)
	}{
		{"v1:D5BOAAAAAAAHAQdL", "expected: 2", 19, lostUpdate},
		{"v1:F5BOAAAAAAAFAgIBchM", "which philosopher", 13, philosophers},
		{"v1:ApBOAQCAwOKF42gAAAEBCfs", "deadline exceeded", 2, func(c *task.Ctx) {
			ctx, cancel := task.WithTimeout(c, time.Minute)
			defer cancel()
			c.Checkpoint()
			require.NoError(TOf(c), context.Cause(ctx))
		}},
	} {
		s, err := parseSchedule(x.schedule)
		require.NoError(t, err)
		y := again(t, Config{}.complete(x.body), s, true, true)
		require.NotNil(t, y.fail)
		require.Contains(t, y.fail.message, x.message)
		require.Equal(t, x.steps, y.steps)
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
	require.Contains(t, table(f.steps), `"n is 7" search_test.go:`)
	require.Equal(t, "wrong 1", find(t, Config{}, func(c *task.Ctx) { TOf(c).Error("wrong ", 1) }).message)
}

// A body may also close its scheduler, iterate by Pull, and use options and methods that have no
// effect under test.
func TestBodiesMay(t *testing.T) {
	Run(t, Config{Schedules: 20}, func(c *task.Ctx) {
		waits := c.Go(func(c *task.Ctx) { assert.ErrorIs(TOf(c), c.Park(), task.ErrClosed) })
		c.Yield()
		require.NoError(TOf(c), Scheduler(c).Close())
		require.ErrorIs(TOf(c), waits.Wait(), task.ErrClosed)
	})
	Run(t, Config{Schedules: 20}, func(c *task.Ctx) {
		n := 0
		ts := start(c, func(c *task.Ctx) {
			next, stop := task.Pull(c, func(yield func(int) bool) {
				for i := range 3 {
					c.Yield()
					if !yield(i) {
						return
					}
				}
			})
			defer stop()
			for v, ok := next(); ok; v, ok = next() {
				n += v
			}
		}, func(c *task.Ctx) { c.Yield() })
		waitAll(ts)
		require.Equal(TOf(c), 3, n)
	})
	Run(t, Config{Schedules: 5}, func(c *task.Ctx) {
		s := Scheduler(c)
		require.NoError(TOf(c), s.Resize(4))
		require.Equal(TOf(c), 1, s.Workers())
		paused := tsync.NewChan[error](1)
		go func() { paused.TrySend(s.Pause(context.Background())) }()
		err, _, _ := paused.Recv(c)
		require.ErrorContains(TOf(c), err, "Pause of a scheduler of schedtest")
	})
}
