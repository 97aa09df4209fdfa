package scheduler_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/handclock"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
	"github.com/heddle-go/heddle/task/tsync"
)

//go:noinline
func waitsForTheLock(c *task.Ctx, m *tsync.Mutex) { _ = m.LockContext(c); m.Unlock() }

//go:noinline
func waitsForAValue(c *task.Ctx, ch *tsync.Chan[int]) { _, _, _ = ch.Recv(c) }

//go:noinline
func waitsForTheCall(c *task.Ctx, e *tsync.Event) {
	parallel.Do(c, func(c *task.Ctx) { e.Wait() }, func(c *task.Ctx) { e.Wait() })
}

// go tool pprof opens the profile, which shows the waits of tsync and of parallel joins by the
// user's functions and by what they wait for. Sleeps and blocking calls are not among them.
func TestWaitProfile(t *testing.T) {
	clock := handclock.New()
	s := open(t, 2, scheduler.WithWaitProfile(1), scheduler.WithClock(clock))
	var m tsync.Mutex
	var e tsync.Event
	ch := tsync.NewChan[int](0)
	m.Lock()
	ts := []task.Task{
		s.Go(func(c *task.Ctx) { waitsForTheLock(c, &m) }),
		s.Go(func(c *task.Ctx) { waitsForTheLock(c, &m) }),
		s.Go(func(c *task.Ctx) { waitsForAValue(c, ch) }),
		s.Go(func(c *task.Ctx) { waitsForTheCall(c, &e) }),
		s.Go(func(c *task.Ctx) { _ = c.Sleep(time.Hour); _ = c.BlockingOrAbandon(func() {}) }),
	}
	for _, x := range ts {
		testkit.Until(t, "all wait", func() bool { return x.State() == task.Waiting })
	}
	clock.Advance(time.Hour)
	m.Unlock()
	ch.Close()
	e.Set()
	for _, x := range ts {
		require.NoError(t, x.Wait())
	}
	file := filepath.Join(t.TempDir(), "waits.pprof")
	out, err := os.Create(file)
	require.NoError(t, err)
	require.NoError(t, s.WriteWaitProfile(out))
	require.NoError(t, out.Close())
	pprof := func(args ...string) string {
		text, err := exec.Command("go", append(append([]string{"tool", "pprof"}, args...), file)...).CombinedOutput()
		require.NoError(t, err, "%s", text)
		return string(text)
	}
	top := pprof("-top", "-cum", "-sample_index=waits", "-nodefraction=0")
	assert.Regexp(t, `(?m)^\s+0\s+0%\s+\S+%\s+2\s+\S+% +\S*waitsForTheLock$`, top)
	assert.Regexp(t, `(?m)^\s+0\s+0%\s+\S+%\s+1\s+\S+% +\S*waitsForAValue$`, top)
	assert.Contains(t, top, "waitsForTheCall")
	assert.Regexp(t, `(?m)^\s+2\s.*tsync\.\(\*Mutex\)\.`, top)
	assert.NotContains(t, top, "await")
	assert.NotContains(t, top, "heddle/internal")
	assert.NotContains(t, top, "heddle/scheduler.")
	tags := pprof("-tags", "-sample_index=waits")
	for _, why := range []string{"mutex", "chan receive", "event"} {
		assert.Contains(t, tags, why)
	}
	assert.NotContains(t, tags, "sleep")
	assert.NotContains(t, tags, "blocking")
	assert.Contains(t, pprof("-raw"), "delay/nanoseconds")
}

// A sampled wait counts for those that it stands for: many waits are not lost however long the
// rate.
func TestWaitProfileIsSampled(t *testing.T) {
	s := open(t, 1, scheduler.WithWaitProfile(time.Hour))
	require.NoError(t, s.Go(func(c *task.Ctx) {
		for range 100 {
			require.NoError(t, c.Go(func(c *task.Ctx) {}).WaitContext(c))
		}
	}).Wait())
	var few, all bytes.Buffer
	require.NoError(t, s.WriteWaitProfile(&few))
	every := open(t, 1, scheduler.WithWaitProfile(1))
	require.NoError(t, every.Go(func(c *task.Ctx) {
		for range 100 {
			require.NoError(t, c.Go(func(c *task.Ctx) {}).WaitContext(c))
		}
	}).Wait())
	require.NoError(t, every.WriteWaitProfile(&all))
	require.Less(t, few.Len(), all.Len(), "of waits of microseconds, at a rate of an hour, hardly any is taken")
}

func TestWaitProfileOptions(t *testing.T) {
	_, err := scheduler.New(scheduler.WithWaitProfile(0))
	require.EqualError(t, err, "scheduler: WithWaitProfile(0s): want 1ns or more; leave the option out for none")
	require.ErrorContains(t, open(t, 1).WriteWaitProfile(&bytes.Buffer{}), "WithWaitProfile")
}
