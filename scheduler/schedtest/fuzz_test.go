package schedtest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// The fuzzer's bytes are the schedule.
func FuzzCounter(f *testing.F) {
	f.Add([]byte{1, 2, 0, 1, 1, 255, 3})
	Fuzz(f, func(t *testing.T, c *task.Ctx) {
		n := 0
		var mu tsync.Mutex
		both(func() {
			mu.Lock()
			n++
			mu.Unlock()
		})
		require.Equal(t, 2, n)
	})
}
