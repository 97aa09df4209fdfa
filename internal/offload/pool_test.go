package offload

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A job is a function, and its end.
type job struct {
	f   func() error
	end func()
}

func (j job) Run() error { return j.f() }
func (j job) End()       { j.end() }

// A house is a pool, and what a scheduler would know of it.
type house struct {
	placeholder rt.Worker
	Pool
	t       *testing.T
	home    rt.Shared
	live    atomic.Int64
	stray   atomic.Int64
	reliefs atomic.Int64
	jobs    sync.WaitGroup
}

func newHouse(t *testing.T, limit int64) *house {
	h := &house{t: t}
	quiet := make(chan struct{})
	h.Init(Config{
		Limit:       limit,
		VainMost:    6,
		Shared:      &h.home,
		Quiet:       quiet,
		Open:        func() bool { return true },
		Now:         func() int64 { return 1 }, // it stands still, so polling ends by the number of looks
		SpareP:      func() bool { return true },
		OnBegin:     func() { h.live.Add(1) },
		OnEnd:       func() { h.live.Add(-1) },
		Stray:       func(rt.Job, error) { h.stray.Add(1) },
		TaskOf:      func(rt.Job) *rt.Task { return nil },
		Placeholder: &h.placeholder,
		Relieve:     func() { h.reliefs.Add(1) },
	})
	t.Cleanup(func() {
		h.jobs.Wait()
		h.until(func() bool { return h.live.Load() == 0 })
		close(quiet)
		h.End()
		h.Wait()
		require.Zero(t, h.home.ReadyGoroutines.Load())
		require.Zero(t, h.calls.Load())
		require.Zero(t, h.queued.Load())
		require.Zero(t, h.head)
		require.Empty(t, h.queue)
	})
	return h
}

// until waits for cond, which has to come true.
func (h *house) until(cond func() bool) {
	h.t.Helper()
	testkit.Until(h.t, "the condition", cond)
}

// give has a blocker call f.
func (h *house) give(f func()) {
	h.jobs.Add(1)
	h.Give(job{func() error { f(); return nil }, h.jobs.Done})
}

func (h *house) count() (all, idle int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.all), len(h.idle)
}

// Idle blockers end, and new ones are started when they are needed again.
func TestTrim(t *testing.T) {
	h := newHouse(t, 100)
	const jobs = 8
	for range 2 {
		var together sync.WaitGroup
		together.Add(jobs)
		for range jobs {
			h.give(func() { together.Done(); together.Wait() })
		}
		h.jobs.Wait()
		all, _ := h.count()
		require.LessOrEqual(t, all, jobs)
		h.until(func() bool { h.trim(); all, _ = h.count(); return all == 0 })
		_, idle := h.count()
		require.Zero(t, idle)
	}
}

// The queue keeps its order while it is used from both ends.
func TestQueueKeepsItsOrder(t *testing.T) {
	h := newHouse(t, 1)
	const jobs = 2000
	var order []int // written by one job at a time
	for i := range jobs {
		h.give(func() { order = append(order, i) })
	}
	h.jobs.Wait()
	require.Len(t, order, jobs)
	for i, v := range order {
		require.Equal(t, i, v)
	}
}

// No more functions run at once than the limit says, on blockers and on the spot together. A call
// on the spot gives way to what is queued, and its end lets that begin.
func TestLimit(t *testing.T) {
	h := newHouse(t, 2)
	require.True(t, h.Enter())
	require.Equal(t, 1, h.Running())
	release := make(chan struct{})
	var running, most atomic.Int64
	f := func() {
		n := running.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-release
		running.Add(-1)
	}
	for range 5 {
		h.give(f)
	}
	h.until(func() bool { return running.Load() == 1 })
	require.False(t, h.Enter(), "there are as many as may be")
	require.Equal(t, 2, h.Running())
	require.Equal(t, 4, h.Queued())
	h.Leave()
	h.until(func() bool { return running.Load() == 2 })
	require.False(t, h.Enter(), "others are queued")
	close(release)
	h.jobs.Wait()
	require.EqualValues(t, 2, most.Load())
	h.until(func() bool { return h.Running() == 0 })
	require.True(t, h.Enter())
	h.Leave()
}

// A job that calls Goexit takes a goroutine with it, and no more. A panic that the task has not
// waited for is passed on.
func TestGoexitAndStray(t *testing.T) {
	h := newHouse(t, 1)
	for range 10 {
		h.give(runtime.Goexit)
		h.jobs.Add(1)
		h.Give(job{func() error { return errors.New("stray") }, h.jobs.Done})
	}
	h.jobs.Wait()
	require.EqualValues(t, 10, h.stray.Load())
}

// A relief is no job, and none starts after End.
func TestRelief(t *testing.T) {
	h := newHouse(t, 1)
	for i := range int64(10) {
		h.GiveRelief()
		h.until(func() bool { return h.reliefs.Load() == i+1 })
	}
	h.End()
	h.GiveRelief()
	h.give(func() {})
	h.jobs.Wait()
	require.EqualValues(t, 10, h.reliefs.Load())
}

// A goroutine of Assist runs beside any number of jobs.
func TestAssist(t *testing.T) {
	h := newHouse(t, 1)
	done := make(chan struct{})
	h.give(func() { <-done })
	h.give(func() { <-done })
	h.Assist(func() { close(done) })
	h.jobs.Wait()
}
