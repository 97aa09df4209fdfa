package schednats_test

import (
	"testing"

	"github.com/heddle-go/heddle/scheduler/schednats"
	"github.com/heddle-go/heddle/task"
	"github.com/stretchr/testify/require"
)

func TestDrop(t *testing.T) {
	f := start(t, schednats.Config{})
	for i := range 50 {
		f.submit(job{ID: itoa(i)})
	}
	begun := make(chan struct{}, 100)
	causes := make(chan error, 100)
	stop := f.serve(schednats.Options{Prefetch: 8}, func(c *task.Ctx, _ job) (string, error) {
		begun <- struct{}{}
		<-c.Done()
		causes <- c.Cause()
		return "", c.Cause()
	})
	<-begun
	require.NoError(t, f.q.Drop(f.ctx, "b"))
	require.ErrorIs(t, <-causes, schednats.ErrDropped)
	f.eventually(func() bool {
		b, err := f.q.Backlog(f.ctx)
		return err == nil && b.Waiting == 0 && b.InFlight == 0 && f.n.Held.Load() == 0
	})
	require.NoError(t, stop())
	b, err := f.q.Backlog(f.ctx)
	require.NoError(t, err)
	require.Zero(t, b.Outcomes)
}
