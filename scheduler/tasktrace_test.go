package scheduler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/pprof"
	"runtime/trace"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// A named task has its name as a label, beside those of its context, while it runs and while it is
// suspended, also after pprof.Do, on whatever worker. The next task on its fiber does not have it.
func TestNameLabels(t *testing.T) {
	s := open(t, 2, scheduler.WithNameLabels())
	has := func(name string) bool {
		var b strings.Builder
		require.NoError(t, pprof.Lookup("goroutine").WriteTo(&b, 1))
		return regexp.MustCompile(`"task":\s*"` + name + `"`).MatchString(b.String())
	}
	ctx := pprof.WithLabels(context.Background(), pprof.Labels("of-the-context", "1"))
	require.NoError(t, s.GoContext(ctx, func(c *task.Ctx) {
		both := func() { require.True(t, has("mine")); require.True(t, labelled(t, "of-the-context")) }
		both()
		pprof.Do(c, pprof.Labels("of-the-task", "1"), func(context.Context) {
			for range 100 {
				c.Go(func(c *task.Ctx) { c.Yield() })
				c.Yield()
			}
			both()
			require.True(t, labelled(t, "of-the-task"))
		})
		both()
		require.False(t, labelled(t, "of-the-task"))
	}, task.Name("mine")).Wait())
	waits := s.Go(func(c *task.Ctx) { _ = c.Park() }, task.Name("waits"))
	testkit.Until(t, "it waits", func() bool { return waits.State() == task.Waiting })
	require.True(t, has("waits"), "goroutine profiles show tasks that wait")
	for range 4 {
		require.NoError(t, s.Go(func(*task.Ctx) { require.False(t, has("mine")) }).Wait())
	}
	waits.Ready()
	require.NoError(t, waits.Wait())
	require.False(t, has("waits"))
}

// The label of the name stands beside the labels that the task would have without it: those of
// the context of the last option that has any, or of its group. The task's context has no further
// parent.
func TestNameLabelsOfSeveralContexts(t *testing.T) {
	s := open(t, 1, scheduler.WithNameLabels())
	with := func(key string) context.Context {
		return pprof.WithLabels(context.Background(), pprof.Labels(key, "1"))
	}
	of := func(c *task.Ctx) map[string]string {
		all := map[string]string{}
		pprof.ForLabels(c, func(key, value string) bool {
			all[key] = value
			return true
		})
		return all
	}
	run := func(ctx context.Context, opts ...task.Option) (got map[string]string) {
		require.NoError(t, s.GoContext(ctx, func(c *task.Ctx) {
			got = of(c)
			for key := range got {
				require.True(t, labelled(t, key))
			}
		}, append(opts, task.Name("mine"))...).Wait())
		return got
	}
	none := context.Background()
	require.Equal(t, map[string]string{"task": "mine"}, run(none, task.Parent(none)))
	require.Equal(t, map[string]string{"task": "mine", "a": "1"}, run(with("a"), task.Parent(none)))
	require.Equal(t, map[string]string{"task": "mine", "b": "1"}, run(with("a"), task.Parent(with("b"))))
	require.Equal(t, map[string]string{"task": "mine", "b": "1"}, run(with("task"), task.Parent(with("b"))))
	require.Equal(t, map[string]string{"task": "mine"}, run(with("task")), "the name counts")

	g, _ := task.NewGroupContext(with("of-the-group"), s)
	var got map[string]string
	g.Go(func(c *task.Ctx) error {
		got = of(c)
		return nil
	}, task.Name("member"))
	require.NoError(t, g.Wait())
	require.Equal(t, map[string]string{"task": "member", "of-the-group": "1"}, got)

	ctx, cancel := context.WithCancelCause(none)
	cause := errors.New("mine")
	x := s.GoContext(ctx, func(c *task.Ctx) {
		require.Nil(t, c.Value("another key"))
		cancel(cause)
		<-c.Done()
		require.Equal(t, context.Canceled, c.Err())
		require.Equal(t, cause, context.Cause(c))
	}, task.Name("mine"))
	require.Equal(t, cause, x.Wait())
}

// A named task is a task of runtime/trace, with regions that end on the goroutine on which they
// began, whatever happens in between.
func TestTraceTasks(t *testing.T) {
	s := open(t, 2, scheduler.WithTraceTasks(), scheduler.WithPanicHandler(func(task.Task, *task.PanicError) {}))
	file := filepath.Join(t.TempDir(), "trace")
	out, err := os.Create(file)
	require.NoError(t, err)
	require.NoError(t, trace.Start(out))
	var m tsync.Mutex
	m.Lock()
	named := s.Go(func(c *task.Ctx) {
		m.Lock()
		for range 100 {
			c.Go(func(c *task.Ctx) { c.Yield() })
			c.Yield()
		}
		m.Unlock()
		_ = c.Blocking(func() {})
		_ = c.BlockingOrAbandon(func() {})
	}, task.Name("named"))
	testkit.Until(t, "it waits", func() bool { return named.State() == task.Waiting })
	m.Unlock()
	require.NoError(t, named.Wait())
	require.Error(t, s.Go(func(c *task.Ctx) { panic("mine") }, task.Name("panics")).Wait())
	require.NoError(t, s.Go(func(c *task.Ctx) { c.Yield() }).Wait())
	trace.Stop()
	require.NoError(t, out.Close())
	parsed, err := exec.Command("go", "tool", "trace", "-d=parsed", file).CombinedOutput()
	require.NoError(t, err, "%s", parsed)
	// Which events came, in order, without where and when.
	var got []string
	event := regexp.MustCompile(`(?m)^M=.* ((?:Region|Task)(?:Begin|End)) .*Type="(.*)"$`)
	for _, m := range event.FindAllStringSubmatch(string(parsed), -1) {
		got = append(got, m[1]+" "+m[2])
	}
	region := func(whats ...string) (all []string) {
		for _, what := range whats {
			all = append(all, "RegionBegin "+what, "RegionEnd "+what)
		}
		return all
	}
	want := append([]string{"TaskBegin named"}, region("run", "wait: mutex", "run", "blocked", "run", "blocked", "run")...)
	want = append(append(want, "TaskEnd named", "TaskBegin panics"), region("run")...)
	require.Equal(t, append(want, "TaskEnd panics"), got, "the task without a name is none")
}

// WriteTrace has a slice for each dispatch, which do not overlap on a worker, and arrows from
// wake-ups.
func TestWriteTrace(t *testing.T) {
	s := open(t, 2, scheduler.WithDispatchRing(1000))
	ch := tsync.NewChan[int](0)
	sends := s.Go(func(c *task.Ctx) {
		for i := range 50 {
			assert.NoError(t, ch.Send(c, i))
			c.Yield()
		}
		ch.Close()
	}, task.Name("sends"))
	receives := s.Go(func(c *task.Ctx) {
		for range ch.All(c) {
		}
	}, task.Name("receives"))
	require.NoError(t, sends.Wait())
	require.NoError(t, receives.Wait())
	var b bytes.Buffer
	require.NoError(t, s.WriteTrace(&b, time.Hour))
	var f struct {
		Events []struct {
			Name, Cat, Ph string
			Ts, Dur       float64
			Tid, ID       int
			Args          map[string]string
		} `json:"traceEvents"`
	}
	require.NoError(t, json.Unmarshal(b.Bytes(), &f))
	slices, ends := map[string]int{}, map[int]float64{}
	var rows, wakes int
	from := map[int]float64{}
	waited := false
	for _, e := range f.Events {
		switch e.Ph {
		case "M":
			rows++
		case "X":
			slices[e.Name]++
			require.GreaterOrEqual(t, e.Ts, ends[e.Tid]-0.001, "it begins when the one before has ended")
			ends[e.Tid] = e.Ts + e.Dur
			waited = waited || strings.HasPrefix(e.Args["then"], "chan ")
		case "s":
			from[e.ID] = e.Ts
			if e.Cat == "wake" {
				wakes++
			}
		case "f":
			require.Contains(t, from, e.ID)
			require.LessOrEqual(t, from[e.ID], e.Ts)
			delete(from, e.ID)
		}
	}
	require.Equal(t, 2, rows)
	require.Empty(t, from, "each arrow has an end")
	require.Greater(t, slices["sends"], 10)
	require.Greater(t, slices["receives"], 5)
	require.Positive(t, wakes)
	require.True(t, waited, "a slice says what its task waited for")
	b.Reset()
	require.NoError(t, s.WriteTrace(&b, 1))
	require.NotContains(t, b.String(), `"X"`, "all of it is older")
}

// The ring keeps the last dispatches.
func TestDispatchRingIsBounded(t *testing.T) {
	s := open(t, 1, scheduler.WithDispatchRing(3))
	for range 10 {
		require.NoError(t, s.Go(func(*task.Ctx) {}).Wait())
	}
	require.NoError(t, s.Go(func(*task.Ctx) {}, task.Name("last")).Wait())
	var b bytes.Buffer
	require.NoError(t, s.WriteTrace(&b, time.Hour))
	require.Equal(t, 3, strings.Count(b.String(), `"X"`))
	require.Contains(t, b.String(), `"last"`)
}

func TestDispatchRingOptions(t *testing.T) {
	for _, n := range []int{0, scheduler.MaxDispatchRing + 1} {
		_, err := scheduler.New(scheduler.WithDispatchRing(n))
		require.ErrorContains(t, err, "want 1 to 1048576")
	}
	s := open(t, 1)
	require.ErrorContains(t, s.WriteTrace(&bytes.Buffer{}, time.Second), "WithDispatchRing")
	require.PanicsWithValue(t, "scheduler: WriteTrace(0s): want a duration above 0", func() { _ = s.WriteTrace(&bytes.Buffer{}, 0) })
}
