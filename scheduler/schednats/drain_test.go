package schednats_test

import (
	"testing"
	"time"

	"github.com/heddle-go/heddle/scheduler/schednats"
	"github.com/heddle-go/heddle/task"
	"github.com/stretchr/testify/require"
)

// Draining finishes what has begun and hands the rest back, to another process.
func TestDrain(t *testing.T) {
	f := start(t, schednats.Config{})
	for i := range 20 {
		f.submit(job{ID: itoa(i)})
	}
	begun := make(chan struct{}, 100)
	let := make(chan struct{})
	stop := f.serve(schednats.Options{Prefetch: 8}, func(c *task.Ctx, _ job) (string, error) {
		begun <- struct{}{}
		<-let // holds both workers of the scheduler
		return "first process", nil
	})
	<-begun
	<-begun
	f.eventually(func() bool { return f.n.Held.Load() == 8 })
	b, err := f.q.Backlog(f.ctx)
	require.NoError(t, err)
	require.Equal(t, schednats.Backlog{Waiting: 12, InFlight: 8}, b, "no more than the prefetch")
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	f.eventually(func() bool { return f.n.HandedBack.Load() >= 6 })
	close(let)
	require.NoError(t, <-ended)
	require.EqualValues(t, 2, f.n.Recorded.Load())

	stop = f.serve(schednats.Options{}, func(*task.Ctx, job) (string, error) {
		return "second process", nil
	})
	all := f.outcomes(20)
	require.NoError(t, stop())
	first := 0
	for _, o := range all {
		if o.Value == "first process" {
			first++
		}
	}
	require.Equal(t, 2, first)
}

// A handler that does not end within DrainTimeout is cancelled, and its job is handed back.
func TestDrainTimeout(t *testing.T) {
	f := start(t, schednats.Config{})
	f.submit(job{ID: "x"})
	begun := make(chan struct{}, 1)
	cause := make(chan error, 1)
	opts := schednats.Options{DrainTimeout: time.Millisecond}
	stop := f.serve(opts, func(c *task.Ctx, _ job) (string, error) {
		begun <- struct{}{}
		<-c.Done()
		cause <- c.Cause()
		return "", c.Cause()
	})
	<-begun
	err := stop()
	require.ErrorIs(t, err, schednats.ErrDrain)
	require.ErrorContains(t, err, "1 jobs handed back")
	require.ErrorIs(t, <-cause, schednats.ErrDrain)
	f.serve(schednats.Options{}, func(*task.Ctx, job) (string, error) { return "again", nil })
	require.Equal(t, "again", f.outcomes(1)["x"].Value)
}
