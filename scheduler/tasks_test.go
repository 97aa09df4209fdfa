package scheduler_test

import (
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
	"github.com/heddle-go/heddle/task/tsync"
)

// infos returns what Tasks yields, by name.
func infos(s *scheduler.Scheduler) map[string]scheduler.TaskInfo {
	m := make(map[string]scheduler.TaskInfo)
	for i := range s.Tasks() {
		m[i.Name] = i
	}
	return m
}

func TestTasks(t *testing.T) {
	s := open(t, 1)
	require.Empty(t, infos(s))
	ch := tsync.NewChan[int](0)
	var stop atomic.Bool
	receives := s.Go(func(c *task.Ctx) { _, _, _ = ch.Recv(c) }, task.Name("receives"), task.Priority(task.High))
	testkit.Until(t, "it waits", func() bool { return receives.State() == task.Waiting })
	assert.Equal(t, task.Task{}, s.Stats().PerWorker[0].Task, "it ran last, and waits")
	hogs := s.Go(func(c *task.Ctx) {
		for !stop.Load() {
		}
	}, task.Name("hogs"))
	testkit.Until(t, "it runs", func() bool { return hogs.State() == task.Running })
	queued := s.Go(func(*task.Ctx) {}, task.Name("queued"), task.Priority(task.Low))
	st := s.Stats()
	assert.Equal(t, hogs, st.PerWorker[0].Task)
	assert.Equal(t, 1, st.Queued)
	assert.Equal(t, 1, st.QueuedLow)
	assert.Equal(t, 0, st.QueuedHigh)
	assert.False(t, st.Paused)
	assert.False(t, st.Closed)

	all := infos(s)
	require.Len(t, all, 3)
	i := all["receives"]
	assert.GreaterOrEqual(t, i.Waited, time.Duration(0))
	i.Waited = 0
	assert.Equal(t, scheduler.TaskInfo{
		Task: receives, Name: "receives", State: task.Waiting, Level: task.High, WaitsFor: "chan receive",
	}, i)
	assert.Equal(t, scheduler.TaskInfo{Task: hogs, Name: "hogs", State: task.Running}, all["hogs"])
	assert.Equal(t, scheduler.TaskInfo{
		Task: queued, Name: "queued", State: task.Runnable, Level: task.Low, Worker: -1,
	}, all["queued"])

	stop.Store(true)
	ch.Close()
	require.NoError(t, s.Shutdown(t.Context()))
	require.Empty(t, infos(s))
	require.Equal(t, task.Task{}, s.Stats().PerWorker[0].Task)
}

// Stats counts what else is pending.
func TestStatsOfTimersAndCalls(t *testing.T) {
	s := open(t, 1, scheduler.WithBlockingLimit(1))
	release := make(chan struct{})
	for range 3 {
		s.Go(func(c *task.Ctx) { _ = c.BlockingOrAbandon(func() { <-release }) })
	}
	sleeps := s.Go(func(c *task.Ctx) { _ = c.Sleep(time.Hour) })
	testkit.Until(t, "one call runs and two wait, beside a timer", func() bool {
		st := s.Stats()
		return st.CallsRunning == 1 && st.CallsQueued == 2 && st.Timers == 1
	})
	require.NoError(t, s.Pause(t.Context()))
	require.True(t, s.Stats().Paused)
	s.Resume()
	require.False(t, s.Stats().Paused)
	close(release)
	sleeps.Cancel()
}

// A record that has served before shows no worker until its next task has run.
func TestTasksOfAUsedRecord(t *testing.T) {
	s := open(t, 1)
	for range 200 {
		require.NoError(t, s.Go(func(*task.Ctx) {}).Wait())
	}
	var stop atomic.Bool
	hogs := s.Go(func(c *task.Ctx) {
		for !stop.Load() {
		}
	}, task.Name("hogs"))
	testkit.Until(t, "it runs", func() bool { return hogs.State() == task.Running })
	for range 100 {
		s.Go(func(*task.Ctx) {})
	}
	n := 0
	for i := range s.Tasks() {
		if i.Name == "" {
			n++
			assert.Equal(t, -1, i.Worker)
		}
	}
	assert.Equal(t, 100, n)
	stop.Store(true)
}

// Tasks yields each task once, however many there are, and ends when the loop does.
func TestManyTasks(t *testing.T) {
	s := open(t, 2)
	n := scale(100_000)
	ts := make(map[task.Task]bool, n)
	var e tsync.Event
	for range n {
		ts[s.Go(func(c *task.Ctx) { _ = e.WaitContext(c) })] = true
	}
	for i := range s.Tasks() {
		require.True(t, ts[i.Task], "it is seen twice, or is none of ours")
		delete(ts, i.Task)
	}
	require.Empty(t, ts)
	seen := 0
	for range s.Tasks() {
		if seen++; seen == 10 {
			break
		}
	}
	require.Equal(t, 10, seen)
	e.Set()
}

// A forked call that another worker has taken names its parent.
func TestTasksShowTheParentOfAForkedCall(t *testing.T) {
	s := open(t, 2)
	var parent task.Task
	var e tsync.Event
	root := s.Go(func(c *task.Ctx) {
		parent = c.Task()
		parallel.Do(c,
			func(c *task.Ctx) { _ = e.WaitContext(c) },
			func(c *task.Ctx) {
				for { // one of the two runs on the other worker
					for i := range s.Tasks() {
						if i.StartedBy != (task.Task{}) {
							assert.Equal(t, parent, i.StartedBy)
							assert.NotEqual(t, parent, i.Task)
							e.Set()
							return
						}
					}
					c.Yield()
				}
			})
	})
	finish(t, "the parent", func() { _ = root.Wait() })
	for i := range s.Tasks() {
		t.Errorf("%+v is left", i)
	}
}

// Tasks may be read while tasks start, move, wait and end.
func TestTasksBesideChange(t *testing.T) {
	s := open(t, 4)
	var roots atomic.Int32
	roots.Store(8)
	for range roots.Load() {
		s.Go(func(c *task.Ctx) {
			defer roots.Add(-1)
			for range scale(500) {
				x := c.Go(func(c *task.Ctx) { c.Yield() }, task.Name("child"))
				parallel.Do(c, func(c *task.Ctx) { c.Yield() }, func(*task.Ctx) {})
				_ = x.Wait()
			}
		}, task.Name("root"))
	}
	for roots.Load() > 0 {
		for i := range s.Tasks() {
			ok := (i.Name == "" || i.Name == "child" || i.Name == "root") && i.State != task.Done &&
				i.Worker >= -1 && i.Worker < 4 && (i.State == task.Waiting) == (i.WaitsFor != "")
			if !ok {
				t.Errorf("%+v", i)
			}
		}
	}
}

func TestDumpGroups(t *testing.T) {
	s := open(t, 2)
	var e tsync.Event
	ch := tsync.NewChan[int](0)
	for range 1000 {
		s.Go(func(c *task.Ctx) { _ = e.WaitContext(c) }, task.Name("client"))
	}
	for range 3 {
		s.Go(func(c *task.Ctx) { _, _, _ = ch.Recv(c) })
	}
	s.Go(func(c *task.Ctx) { _ = e.WaitContext(c) }, task.Name("client"), task.Priority(task.High))
	var text string
	testkit.Until(t, "all wait", func() bool {
		var b strings.Builder
		require.NoError(t, s.DumpGroups(&b))
		text = b.String()
		return strings.Contains(text, "1004 waiting")
	})
	text = regexp.MustCompile(`\b\d+(\.\d+)?m?s to \d+(\.\d+)?m?s`).ReplaceAllString(text, "T to T")
	lines := strings.Split(text, "\n")
	require.Equal(t, []string{
		`1000 tasks "client" waiting for event, T to T`,
		`3 tasks waiting for chan receive, T to T`,
		`1 tasks "client" (high) waiting for event, T to T`,
	}, lines[:3])
	require.Contains(t, lines[3], "1004 tasks: 0 running, 0 runnable, 1004 waiting")
	e.Set()
	ch.Close()
}
