package schednats_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/scheduler/schednats"
	"github.com/heddle-go/heddle/task"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

func TestJobTravels(t *testing.T) {
	f := start(t, schednats.Config{})
	deadline := time.Now().Add(time.Hour)
	trace := "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	f.submit(job{ID: "x", Value: 7, Priority: task.High, Deadline: deadline,
		Header: nats.Header{"Traceparent": {trace}}})
	var got job
	var until time.Time
	stop := f.serve(schednats.Options{}, func(c *task.Ctx, j job) (string, error) {
		got = j
		until, _ = c.Deadline()
		return "seven", nil
	})
	o := f.outcomes(1)["x"]
	require.NoError(t, o.Err)
	require.Equal(t, "seven", o.Value)
	require.NoError(t, stop())
	require.Equal(t, []any{"b", "x", 7, task.High, 1},
		[]any{got.Batch, got.ID, got.Value, got.Priority, got.Delivery})
	require.Equal(t, trace, got.Header.Get("Traceparent"))
	require.True(t, got.Deadline.Equal(deadline))
	require.True(t, until.Equal(deadline), "%v", until)
}

func TestManyJobs(t *testing.T) {
	f := start(t, schednats.Config{})
	const n = 1000
	jobs := make([]job, n)
	for i := range jobs {
		jobs[i] = job{ID: itoa(i), Value: i}
	}
	f.submit(jobs...)
	f.submit(jobs[:100]...) // known already
	var calls, held, most atomic.Int64
	stop := f.serve(schednats.Options{Prefetch: 16}, func(c *task.Ctx, j job) (string, error) {
		calls.Add(1)
		for h := held.Add(1); ; {
			m := most.Load()
			if h <= m || most.CompareAndSwap(m, h) {
				break
			}
		}
		c.Yield()
		held.Add(-1)
		return itoa(j.Value), nil
	})
	all := f.outcomes(n)
	for _, j := range jobs {
		require.Equal(t, itoa(j.Value), all[j.ID].Value)
	}
	ids, err := f.q.Recorded(f.ctx, "b")
	require.NoError(t, err)
	require.Len(t, ids, n)
	require.True(t, ids[jobs[n-1].ID])
	none, err := f.q.Recorded(f.ctx, "another")
	require.NoError(t, err)
	require.Empty(t, none)
	require.NoError(t, stop())
	require.EqualValues(t, n, calls.Load())
	require.LessOrEqual(t, most.Load(), int64(16))
	require.EqualValues(t, n, f.n.Recorded.Load())
	require.Zero(t, f.n.Held.Load())
	b, err := f.q.Backlog(f.ctx)
	require.NoError(t, err)
	require.EqualValues(t, n, b.Outcomes)
}

// A full job stream refuses jobs. A full result stream makes Serve keep its results and wait.
func TestFull(t *testing.T) {
	f := start(t, schednats.Config{})
	stream, err := f.js.Stream(f.ctx, "q_DONE")
	require.NoError(t, err)
	cfg := stream.CachedInfo().Config
	cfg.MaxMsgs = 1
	_, err = f.js.UpdateStream(f.ctx, cfg)
	require.NoError(t, err)
	jobsStream, err := f.js.Stream(f.ctx, "q_JOBS")
	require.NoError(t, err)
	jcfg := jobsStream.CachedInfo().Config
	jcfg.MaxBytes = 2000
	_, err = f.js.UpdateStream(f.ctx, jcfg)
	require.NoError(t, err)

	var full error
	accepted := 0
	for full == nil {
		full = f.q.Submit(f.ctx, job{Batch: "b", ID: itoa(accepted)})
		if full == nil {
			accepted++
		}
	}
	require.ErrorContains(t, full, "maximum bytes exceeded")
	require.Greater(t, accepted, 3)

	failed := make(chan error, 1000)
	stop := f.serve(schednats.Options{Prefetch: 2, OnError: func(err error) { failed <- err }},
		returnOK)
	require.ErrorContains(t, <-failed, "maximum messages exceeded")
	require.LessOrEqual(t, f.n.Held.Load(), int64(2))
	cfg.MaxMsgs = -1
	_, err = f.js.UpdateStream(f.ctx, cfg)
	require.NoError(t, err)
	require.Len(t, f.outcomes(accepted), accepted)
	require.NoError(t, stop())
	require.EqualValues(t, accepted, f.n.Executed.Load(), "results were kept, not computed again")
}

// The outcome that was recorded first stays.
func TestSecondOutcomeRefused(t *testing.T) {
	f := start(t, schednats.Config{})
	_, err := f.js.Publish(f.ctx, "q.done.b.x", []byte(`"first"`))
	require.NoError(t, err)
	f.submit(job{ID: "x"}, job{ID: "y"})
	stop := f.serve(schednats.Options{}, func(*task.Ctx, job) (string, error) {
		return "second", nil
	})
	f.eventually(func() bool { return f.n.Refused.Load() == 1 && f.n.Recorded.Load() == 1 })
	require.Equal(t, "first", f.outcomes(2)["x"].Value)
	require.NoError(t, stop())
}

// A job that runs for longer than AckWait is not delivered again: its handler ends only after the
// server has got several signs of life.
func TestLongJob(t *testing.T) {
	f := start(t, schednats.Config{AckWait: 6 * time.Second})
	signs := make(chan *nats.Msg, 1000)
	sub, err := f.nc.ChanSubscribe("$JS.ACK.>", signs)
	require.NoError(t, err)
	defer func() { _ = sub.Unsubscribe() }()
	require.NoError(t, f.nc.Flush())
	f.submit(job{ID: "long"})
	stop := f.serve(schednats.Options{}, func(c *task.Ctx, _ job) (string, error) {
		for n := 0; n < 4; {
			m, _, err := task.Receive(c, signs)
			if err != nil {
				return "", err
			}
			if string(m.Data) == "+WPI" {
				n++
			}
		}
		return "done", nil
	})
	require.Equal(t, "done", f.outcomes(1)["long"].Value)
	require.NoError(t, stop())
	require.EqualValues(t, 1, f.n.Executed.Load())
}

func TestDeadline(t *testing.T) {
	f := start(t, schednats.Config{AckWait: 300 * time.Millisecond})
	f.submit(job{ID: "past", Deadline: time.Now().Add(-time.Hour)},
		job{ID: "soon", Value: 1, Deadline: time.Now().Add(time.Second)})
	stop := f.serve(schednats.Options{}, func(c *task.Ctx, _ job) (string, error) {
		<-c.Done()
		return "", c.Cause()
	})
	all := f.outcomes(2)
	for _, id := range []string{"past", "soon"} {
		require.ErrorIs(t, all[id].Err, schednats.ErrDead)
		require.ErrorContains(t, all[id].Err, "deadline exceeded")
	}
	require.NoError(t, stop())
}

// A closed scheduler ends Serve and loses nothing.
func TestClosedScheduler(t *testing.T) {
	f := start(t, schednats.Config{})
	f.submit(job{ID: "x"})
	sched, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	require.NoError(t, sched.Close())
	err = f.q.Serve(f.ctx, sched, returnOK, schednats.Options{Prefetch: 1})
	require.ErrorIs(t, err, task.ErrClosed)
	f.serve(schednats.Options{}, returnOK)
	require.Equal(t, "ok", f.outcomes(1)["x"].Value)
}

func TestClosedConnection(t *testing.T) {
	f := start(t, schednats.Config{})
	stop := f.serve(schednats.Options{OnError: func(error) {}}, returnOK)
	sched, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer sched.Close()
	f.nc.Close()
	err = f.q.Serve(f.ctx, sched, returnOK, schednats.Options{})
	require.ErrorIs(t, err, nats.ErrConnectionClosed)
	_ = stop()
}

// Jobs that run when the connection is closed for good are cancelled, and Serve does not wait for
// what cannot be recorded.
func TestConnectionClosedWhileRunning(t *testing.T) {
	f := start(t, schednats.Config{})
	f.submit(job{ID: "x"})
	begun := make(chan struct{}, 1)
	sched, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer sched.Close()
	ended := make(chan error, 1)
	go func() {
		ended <- f.q.Serve(f.ctx, sched, func(c *task.Ctx, _ job) (string, error) {
			begun <- struct{}{}
			<-c.Done()
			return "", c.Cause()
		}, schednats.Options{Prefetch: 2, DrainTimeout: time.Hour, OnError: func(error) {}})
	}()
	<-begun
	f.nc.Close()
	require.ErrorIs(t, <-ended, nats.ErrConnectionClosed)
}

func TestBadArguments(t *testing.T) {
	f := start(t, schednats.Config{})
	for _, c := range []struct {
		cfg schednats.Config
		say string
	}{
		{schednats.Config{Name: "a.b"}, `Config.Name is "a.b"`},
		{schednats.Config{}, `Config.Name is ""`},
		{schednats.Config{Name: "x", Replicas: 6}, "Config.Replicas is 6, want 1 to 5"},
		{schednats.Config{Name: "x", AckWait: 1}, "Config.AckWait is 1ns, want at least 100ms"},
		{
			schednats.Config{Name: "x", MaxAckPending: -1},
			"Config.MaxAckPending is -1, want at least 1",
		},
		{schednats.Config{Name: "x", MaxBytes: -1}, "Config.MaxBytes is -1, want at least 0"},
		{
			schednats.Config{Name: "x", Duplicates: -1},
			"Config.Duplicates is -1ns, want at least 100ms",
		},
	} {
		_, err := schednats.Create[int, string](f.ctx, f.js, c.cfg)
		require.ErrorContains(t, err, c.say)
	}
	_, err := schednats.Bind[int, string](f.ctx, f.js, "absent")
	require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
	require.ErrorContains(t, f.q.Submit(f.ctx, job{Batch: "b", ID: "a b"}), `Job.ID is "a b"`)
	require.ErrorContains(t, f.q.Submit(f.ctx, job{Batch: "", ID: "a"}), `Job.Batch is ""`)
	require.ErrorContains(t, f.q.Submit(f.ctx, job{Batch: "b", ID: "a", Priority: 77}),
		"Job.Priority is 77")
	for _, name := range []string{"Nats-Rollup", "heddle-error"} {
		j := job{Batch: "b", ID: "a", Header: nats.Header{name: {"x"}}}
		require.ErrorContains(t, f.q.Submit(f.ctx, j), "reserved name \""+name)
	}
	require.ErrorContains(t, f.q.Drop(f.ctx, "*"), `batch is "*"`)

	sched, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer sched.Close()
	h := func(*task.Ctx, job) (string, error) { return "", nil }
	require.ErrorContains(t, f.q.Serve(f.ctx, nil, h, schednats.Options{}), "got nil")
	for say, o := range map[string]schednats.Options{
		"Options.Prefetch is -1, want 1 to 65536":       {Prefetch: -1},
		"Options.MaxDeliver is -1, want at least 1":     {MaxDeliver: -1},
		"Options.Timeout is -1ns, want at least 0":      {Timeout: -1},
		"Options.DrainTimeout is -1ns, want at least 0": {DrainTimeout: -1},
	} {
		require.ErrorContains(t, f.q.Serve(f.ctx, sched, h, o), say)
	}
}
