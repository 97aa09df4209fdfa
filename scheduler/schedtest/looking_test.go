package schedtest

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// looks are the options that make tasks note something.
func looks() []scheduler.Option {
	return []scheduler.Option{
		scheduler.WithSites(), scheduler.WithWaitProfile(1), scheduler.WithNameLabels(),
		scheduler.WithTraceTasks(), scheduler.WithDispatchRing(100),
	}
}

// Waits show in Tasks, Dump, the wait profile and the ring of dispatches, with the times
// of the bubble.
func TestWaitsShow(t *testing.T) {
	Run(t, Config{Schedules: 20, Options: looks()}, func(c *task.Ctx) {
		t, s := TOf(c), (*rt.Life)(c).Task().Host().(rt.DirectedHost).Director().(*execution).sched
		var mu tsync.Mutex
		holder := c.Go(func(c *task.Ctx) {
			mu.Lock()
			_ = c.Sleep(3 * time.Second)
			mu.Unlock()
		}, task.Name("holder"))
		_ = c.Sleep(time.Second)
		waits := c.Go(func(*task.Ctx) {
			mu.Lock()
			defer mu.Unlock()
		}, task.Name("waits"))
		_ = c.Sleep(time.Second)
		var is []scheduler.TaskInfo
		for i := range s.Tasks() {
			if i.Task == waits {
				is = append(is, i)
			}
		}
		require.Len(t, is, 1)
		i := is[0]
		require.Equal(t, task.Waiting, i.State)
		require.Equal(t, "mutex", i.WaitsFor)
		require.InDelta(t, time.Second, i.Waited, float64(2*time.Millisecond))
		require.Equal(t, holder, i.Holder)
		require.Equal(t, c.Task(), i.StartedBy)
		require.NotZero(t, i.Object)
		requireHere(t, i.StartedAt)
		requireHere(t, i.WaitsAt)
		var b bytes.Buffer
		require.NoError(t, s.Dump(&b))
		require.Regexp(t, `task "waits" .*: waiting for mutex .* held up by "holder", .*, at .*looking_test.go`, b.String())
		_, stack := s.Stacks(waits)
		require.NotEmpty(t, stack)
		_ = waits.WaitContext(c)
		_ = holder.WaitContext(c)

		places, err := s.WaitPlaces()
		require.NoError(t, err)
		found := false
		for _, p := range places {
			if p.WaitsFor == "mutex" {
				found = true
				require.Equal(t, uint64(1), p.Waits)
				require.Equal(t, 2*time.Second, p.Waited)
				requireHere(t, p.At)
			}
		}
		require.True(t, found, "%v", places)
		b.Reset()
		require.NoError(t, s.WriteTrace(&b, time.Hour))
		require.Contains(t, b.String(), `"then":"mutex"`)
		b.Reset()
		require.NoError(t, s.WriteWaitProfile(&b))
		require.NotZero(t, b.Len())
	})
}

func requireHere(t require.TestingT, p scheduler.Site) {
	require.True(t, strings.HasSuffix(p.Frame().File, "looking_test.go"), "%v", p.Frame())
}

// Tasks that note something choose as they do without: each schedule of the corpus takes the same
// steps.
func TestLooksChangeNoChoice(t *testing.T) {
	want := readGolden(t)
	for _, p := range testkit.Part(corpus) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			body := func(c *task.Ctx) { p.body(c, true) }
			s, err := parseSchedule(want[p.name].schedule)
			require.NoError(t, err)
			x := again(t, Config{}.complete(body), s, true, true)
			y := again(t, Config{Options: looks()}.complete(body), s, true, true)
			require.Empty(t, differs(x, y))
			require.Equal(t, x.choices, y.choices)
			require.Equal(t, x.trace, y.trace)
		})
	}
}
