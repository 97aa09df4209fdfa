package schedtest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

func TestOperation(t *testing.T) {
	for function, want := range map[string]string{
		module + "task/tsync.(*Mutex).Lock":                         "Mutex.Lock",
		module + "task/tsync.(*Chan[go.shape.int]).Send":            "Chan.Send",
		module + "task/tsync.(*Chan[" + module + "task.Task]).Send": "Chan.Send",
		module + "task/tsync.Select":                                "tsync.Select",
		module + "task.(*Ctx).Go":                                   "Ctx.Go",
		module + "task.Task.Wait":                                   "Task.Wait",
		module + "task/tsync.(*Mutex).lockSlow":                     "",
		module + "task/tsync.(*member).Run":                         "",
		module + "task/tsync.point":                                 "",
		module + "internal/rt.Choice":                               "",
		module + "internal/engine.(*directed).Poll":                 "",
		module + "task.Submit[...].func1":                           "",
	} {
		require.Equal(t, want, operation(function), function)
	}
}

// The place is the user's, not heddle's, although a loop over a channel is heddle's code in the
// user's function.
func TestPlaceOfALoop(t *testing.T) {
	f := find(t, Config{}, func(c *task.Ctx) {
		ch := tsync.NewChan[int](0)
		for range ch.All(c) {
		}
	})
	require.Regexp(t, `in Chan\.Recv at caller_test\.go:\d+`, f.message)
}
