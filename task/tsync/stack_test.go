//go:build amd64 && !race && !heddle_model

// Other processors, the race detector and the explored builds have larger frames.

package tsync_test

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// stacks returns the bytes of all goroutines' stacks.
func stacks() int {
	s := []metrics.Sample{{Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(s)
	return int(s[0].Value.Uint64())
}

// beginSmall makes goroutines begin with stacks of 2 KB until the test ends. The runtime lets them
// begin with what the goroutines that the last collection saw have used on average, and here those
// use little.
func beginSmall(t *testing.T) {
	stop := make(chan struct{})
	var others sync.WaitGroup
	for range 4000 {
		others.Go(func() { <-stop })
	}
	t.Cleanup(func() {
		close(stop)
		others.Wait()
	})
	runtime.GC()
}

// A goroutine begins with a stack of 2 KB, and the runtime doubles it when a call does not fit. A
// task that waits keeps its stack, so what heddle itself needs, below and above the task's
// function, must leave most of the 2 KB to that function. Here the function and its callees have
// frames of some 250 bytes. Select and a Group's Go need more: see "Stacks" in ARCHITECTURE.md.
func TestAWaitingTaskFitsIntoASmallStack(t *testing.T) {
	const n = 2000
	var (
		ch     = tsync.NewChan[int](0)
		sendCh = tsync.NewChan[int](0)
		mu     tsync.Mutex
		rw     tsync.RWMutex
		wg     tsync.WaitGroup
		sem    = tsync.NewSemaphore(1)
		event  tsync.Event
	)
	sem.TryAcquire(1)
	mu.Lock()
	rw.Lock()
	wg.Add(1)
	for _, op := range []struct {
		name string
		wait func(c *task.Ctx)
	}{
		{"Park", func(c *task.Ctx) { _ = c.Park() }},
		{"Sleep", func(c *task.Ctx) { _ = c.Sleep(time.Hour) }},
		{"Recv", func(c *task.Ctx) { _, _, _ = ch.Recv(c) }},
		{"Send", func(c *task.Ctx) { _ = sendCh.Send(c, 1) }},
		{"Lock", func(c *task.Ctx) { _ = mu.LockContext(c) }},
		{"RLock", func(c *task.Ctx) { _ = rw.RLockContext(c) }},
		{"WaitGroup", func(c *task.Ctx) { _ = wg.WaitContext(c) }},
		{"Semaphore", func(c *task.Ctx) { _ = sem.Acquire(c, 1) }},
		{"Event", func(c *task.Ctx) { _ = event.WaitContext(c) }},
		{"Wait", func(c *task.Ctx) {
			_ = c.Go(func(c *task.Ctx) { _ = c.Park() }).WaitContext(c)
		}},
	} {
		t.Run(op.name, func(t *testing.T) {
			s, err := scheduler.New(scheduler.WithWorkers(2))
			require.NoError(t, err)
			beginSmall(t)
			before := stacks()
			var all sync.WaitGroup
			var begun atomic.Int64
			for range n {
				all.Add(1)
				s.Go(func(c *task.Ctx) {
					defer all.Done()
					begun.Add(1)
					var frame [16]int
					frame[c.Worker()%16]++
					op.wait(c)
					runtime.KeepAlive(&frame)
				})
			}
			testkit.Until(t, "all wait", func() bool {
				st := s.Stats()
				return begun.Load() == n && st.Sleeping == st.Workers && st.Queued == 0
			})
			tasks := int(s.Stats().Spawned)
			require.Less(t, (stacks()-before)/tasks, 2560, "bytes a task; less than a fifth may have grown")
			require.NoError(t, s.Close())
			all.Wait()
		})
	}
}

// A task that starts others and then waits finds what both take: the worker has got it on its own
// stack. Without that, a fifth of the stacks grew.
func TestATreeOfWaitingTasksHasSmallStacks(t *testing.T) {
	const n = 5000
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection takes stacks that have ended
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	beginSmall(t)
	before := stacks()
	ch := tsync.NewChan[int](0)
	var begun atomic.Int64
	var node func(c *task.Ctx, n int)
	node = func(c *task.Ctx, n int) {
		begun.Add(1)
		for i := range 4 {
			if k := (n - 1 + i) / 4; k > 0 {
				c.Go(func(c *task.Ctx) { node(c, k) })
			}
		}
		var frame [16]int
		frame[c.Worker()%16]++
		_, _, _ = ch.Recv(c)
		runtime.KeepAlive(&frame)
	}
	s.Go(func(c *task.Ctx) { node(c, n) })
	testkit.Until(t, "all wait", func() bool {
		st := s.Stats()
		return begun.Load() == n && st.Sleeping == st.Workers && st.Queued == 0
	})
	require.Less(t, (stacks()-before)/n, 2048+2048/16, "bytes a task; less than a sixteenth may have grown")
	ch.Close()
	require.NoError(t, s.Close())
}

// Members that are cancelled while they wait end on the stacks that they have. In particular, the
// task that a worker switches to does not do the work of pooling the fiber that the worker leaves.
func TestACancelledMemberKeepsItsSmallStack(t *testing.T) {
	const n = 4000
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection shrinks stacks
	s, err := scheduler.New(scheduler.WithWorkers(2))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	g, _ := task.NewGroupContext(ctx, s)
	ch := tsync.NewChan[int](0)
	var begun atomic.Int64
	for range n {
		g.Go(func(c *task.Ctx) error {
			begun.Add(1)
			var frame [8]int
			frame[c.Worker()%8]++
			_, _, err := ch.Recv(c)
			runtime.KeepAlive(&frame)
			return err
		})
	}
	testkit.Until(t, "all wait", func() bool {
		st := s.Stats()
		return begun.Load() == n && st.Sleeping == st.Workers && st.Queued == 0
	})
	beginSmall(t) // also frees the memory of the stacks that have ended
	before := stacks()
	cancel()
	require.ErrorIs(t, g.Wait(), context.Canceled)
	grown := (stacks() - before) / n
	t.Log(grown, "bytes a member")
	require.Less(t, grown, 100, "bytes a member; a fiftieth may have grown")
	require.NoError(t, s.Close())
}
