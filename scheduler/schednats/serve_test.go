package schednats_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/scheduler/schednats"
	"github.com/heddle-go/heddle/task"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// TestMain runs more tests at a time than there are processors: they wait for servers.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		if err := f.Value.Set("16"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// limit bounds every wait: a test that hangs fails.
const limit = time.Minute

type (
	queue = schednats.Queue[int, string]
	job   = schednats.Job[int]
)

// A fixture is a real server, a connection to it, and a queue.
type fixture struct {
	t      *testing.T
	ctx    context.Context
	opts   *server.Options
	server *server.Server
	nc     *nats.Conn
	js     jetstream.JetStream
	q      *queue
	n      schednats.Counters
}

// start makes a fixture for a test that runs beside others.
func start(t *testing.T, cfg schednats.Config, change ...func(*server.Options)) *fixture {
	t.Helper()
	t.Parallel()
	return startAlone(t, cfg, change...)
}

func startAlone(t *testing.T, cfg schednats.Config, change ...func(*server.Options)) *fixture {
	t.Helper()
	f := &fixture{t: t}
	f.opts = &server.Options{
		Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
	}
	for _, c := range change {
		c(f.opts)
	}
	f.run(f.opts)
	t.Cleanup(func() { f.server.Shutdown(); f.server.WaitForShutdown() })
	var err error
	f.nc, err = nats.Connect(f.server.ClientURL(), nats.MaxReconnects(-1),
		nats.ReconnectWait(10*time.Millisecond))
	require.NoError(t, err)
	t.Cleanup(f.nc.Close)
	f.js, err = jetstream.New(f.nc)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	f.ctx = ctx
	cfg.Name = "q"
	f.q, err = schednats.Create[int, string](ctx, f.js, cfg)
	require.NoError(t, err)
	return f
}

// run starts the server.
func (f *fixture) run(opts *server.Options) {
	f.t.Helper()
	var err error
	f.server, err = server.NewServer(opts)
	require.NoError(f.t, err)
	go f.server.Start()
	require.True(f.t, f.server.ReadyForConnections(limit))
}

// serve serves the queue with a scheduler of two workers until stop is called, which returns what
// Serve returned.
func (f *fixture) serve(
	opts schednats.Options, h func(c *task.Ctx, j job) (string, error),
) (stop func() error) {
	sched, err := scheduler.New(scheduler.WithWorkers(2))
	require.NoError(f.t, err)
	ctx, cancel := context.WithCancel(f.ctx)
	ended := make(chan error, 1)
	opts.Counters = &f.n
	if opts.OnError == nil {
		opts.OnError = func(err error) { f.t.Log(err) }
	}
	if opts.Backoff == nil {
		opts.Backoff = func(int) time.Duration { return time.Millisecond }
	}
	go func() { ended <- f.q.Serve(ctx, sched, h, opts) }()
	stop = sync.OnceValue(func() error {
		cancel()
		err := <-ended
		_ = sched.Close()
		return err
	})
	f.t.Cleanup(func() { _ = stop() })
	return stop
}

// outcomes returns the first n outcomes of batch b by ID.
func (f *fixture) outcomes(n int) map[string]schednats.Outcome[string] {
	f.t.Helper()
	all := map[string]schednats.Outcome[string]{}
	for o, err := range f.q.Results(f.ctx, "b") {
		require.NoError(f.t, err)
		require.NotContains(f.t, all, o.ID, "two outcomes")
		all[o.ID] = o
		if len(all) == n {
			break
		}
	}
	return all
}

// eventually waits until ok holds.
func (f *fixture) eventually(ok func() bool) {
	f.t.Helper()
	require.Eventually(f.t, ok, limit, 5*time.Millisecond)
}

func (f *fixture) submit(jobs ...job) {
	f.t.Helper()
	for i := range jobs {
		jobs[i].Batch = "b"
	}
	require.NoError(f.t, f.q.Submit(f.ctx, jobs...))
}

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

func returnOK(*task.Ctx, job) (string, error) { return "ok", nil }

func itoa(i int) string { return strconv.Itoa(i) }

// A job that fails comes again, and becomes a dead letter in the end. So does one that panics, or
// calls runtime.Goexit, and at once one that says so.
func TestDeadLetters(t *testing.T) {
	f := start(t, schednats.Config{})
	f.submit(job{ID: "late", Value: 1}, job{ID: "never", Value: 2}, job{ID: "panics", Value: 3},
		job{ID: "at-once", Value: 4})
	stop := f.serve(schednats.Options{MaxDeliver: 3}, func(c *task.Ctx, j job) (string, error) {
		switch {
		case j.Value == 1 && j.Delivery == 3:
			return "at last", nil
		case j.Value == 3:
			panic("bad job")
		case j.Value == 4:
			return "", errors.Join(schednats.ErrDead, errors.New("hope\r\nless"))
		}
		return "", errors.New("not yet")
	})
	all := f.outcomes(4)
	require.Equal(t, "at last", all["late"].Value)
	require.ErrorIs(t, all["never"].Err, schednats.ErrDead)
	require.ErrorContains(t, all["never"].Err, "not yet")
	require.ErrorContains(t, all["panics"].Err, "handler panicked: bad job")
	require.ErrorContains(t, all["at-once"].Err, "hope  less")
	f.eventually(func() bool { return f.n.Dead.Load() == 3 })
	require.NoError(t, stop())
	letters, err := f.q.DeadLetters(f.ctx)
	require.NoError(t, err)
	delivery := map[string]string{}
	for _, l := range letters {
		delivery[l.ID] = l.Header.Get("Heddle-Delivery") + " " + string(l.Data) + " " + l.Subject
	}
	require.Equal(t, map[string]string{
		"never": "3 2 q.jobs.b.never", "panics": "3 3 q.jobs.b.panics",
		"at-once": "1 4 q.jobs.b.at-once",
	}, delivery)
}

// A job whose processes died with it becomes a dead letter without being run once more.
func TestDeliveredTooOften(t *testing.T) {
	f := start(t, schednats.Config{})
	f.submit(job{ID: "x"})
	cons, err := f.js.Consumer(f.ctx, "q_JOBS", "workers")
	require.NoError(t, err)
	for range 2 {
		m, err := cons.Next(jetstream.FetchMaxWait(limit))
		require.NoError(t, err)
		require.NoError(t, m.Nak())
	}
	stop := f.serve(schednats.Options{MaxDeliver: 2}, returnOK)
	require.ErrorContains(t, f.outcomes(1)["x"].Err, "delivered 2 times without an outcome")
	require.NoError(t, stop())
	require.Zero(t, f.n.Executed.Load())
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

func TestGarbage(t *testing.T) {
	f := start(t, schednats.Config{})
	for _, subject := range []string{"q.jobs.b.broken", "q.jobs.b", "q.jobs.b.too.long"} {
		_, err := f.js.Publish(f.ctx, subject, []byte("{"))
		require.NoError(t, err)
	}
	_, err := f.js.PublishMsg(f.ctx, &nats.Msg{
		Subject: "q.jobs.b.when", Data: []byte("1"), Header: nats.Header{"Heddle-Deadline": {"soon"}},
	})
	require.NoError(t, err)
	f.submit(job{ID: "good", Value: 1})
	var calls atomic.Int64
	stop := f.serve(schednats.Options{}, func(*task.Ctx, job) (string, error) {
		calls.Add(1)
		return "ok", nil
	})
	require.Equal(t, "ok", f.outcomes(3)["good"].Value)
	f.eventually(func() bool { return f.n.Dead.Load() == 4 })
	require.NoError(t, stop())
	require.EqualValues(t, 1, calls.Load())
	letters, err := f.q.DeadLetters(f.ctx)
	require.NoError(t, err)
	require.Len(t, letters, 4)
	for _, l := range letters {
		require.NotEmpty(t, l.Reason)
	}
}

// Sizes beyond the server's max_payload: a job is refused, a result makes the job a dead letter.
func TestPayloadTooLarge(t *testing.T) {
	f := start(t, schednats.Config{}, func(o *server.Options) {
		o.MaxPayload, o.MaxPending = 4096, 1<<20
	})
	big, err := schednats.Bind[string, string](f.ctx, f.js, "q")
	require.NoError(t, err)
	err = big.Submit(f.ctx,
		schednats.Job[string]{Batch: "b", ID: "huge", Value: strings.Repeat("x", 5000)})
	require.ErrorIs(t, err, nats.ErrMaxPayload)
	require.ErrorContains(t, err, `job "huge"`)
	f.submit(job{ID: "large"}, job{ID: "small", Value: 1})
	f.serve(schednats.Options{}, func(_ *task.Ctx, j job) (string, error) {
		if j.Value == 1 {
			return "ok", nil
		}
		return strings.Repeat("x", 5000), nil
	})
	all := f.outcomes(2)
	require.Equal(t, "ok", all["small"].Value)
	require.ErrorContains(t, all["large"].Err, "result of 5002 bytes")
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
