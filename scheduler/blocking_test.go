package scheduler_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

func init() {
	children["stray-panic"] = func() {
		s, err := scheduler.New()
		if err != nil {
			panic(err)
		}
		begun, end, left := make(chan struct{}), make(chan struct{}), make(chan struct{})
		x := s.Go(func(c *task.Ctx) {
			defer close(left)
			c.BlockingOrAbandon(func() { close(begun); <-end; panic("astray") })
		}, task.Name("gone"))
		<-begun
		x.Cancel()
		<-left
		close(end)
		x.Wait()   // until the process has ended
		os.Exit(0) // not reached
	}
}

// Without a handler, the panic of a blocking call ends the process, even if its task no longer
// waits for it.
func TestBlockingStrayPanicCrashes(t *testing.T) {
	code, stderr := child(t, "stray-panic")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "panic: astray")
	require.Contains(t, stderr, "gone")
}
