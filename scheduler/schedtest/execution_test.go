package schedtest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

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
