package schedtest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler/schedtest"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// counter counts without a lock from the look to the write.
type counter struct {
	mu tsync.Mutex
	n  int
}

func (k *counter) get() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.n
}

func (k *counter) set(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.n = n
}

// A test has a name such as TestCounter, and its t.
func ExampleRun() {
	var t *testing.T
	schedtest.Run(t, schedtest.Config{}, func(c *task.Ctx) {
		var k counter
		var wg tsync.WaitGroup
		for range 2 {
			wg.Go(func() { k.set(k.get() + 1) })
		}
		wg.Wait()
		require.Equal(schedtest.TOf(c), 2, k.get()) // fails in every few schedules
	})
}

// A fuzz test has a name such as FuzzCounter, and its f. It is run by go test -fuzz.
func ExampleFuzz() {
	var f *testing.F
	schedtest.Fuzz(f, func(t *testing.T, c *task.Ctx) {
		var k counter
		task := c.Go(func(c *task.Ctx) { k.set(k.get() + 1) })
		k.set(k.get() + 1)
		require.NoError(t, task.Wait())
		require.Equal(t, 2, k.get())
	})
}

// What the outside world does is a choice too: here, whether a call fails.
func ExamplePick() {
	var t *testing.T
	schedtest.Run(t, schedtest.Config{Mode: schedtest.DepthFirst, Preemptions: 2}, func(c *task.Ctx) {
		call := func() bool { return schedtest.Pick(c, 2) == 0 }
		tries := 1
		for !call() && tries < 3 {
			tries++
		}
		require.LessOrEqual(schedtest.TOf(c), tries, 3)
	})
}
