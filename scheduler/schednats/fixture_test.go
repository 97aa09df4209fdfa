package schednats_test

import (
	"context"
	"flag"
	"os"
	"strconv"
	"sync"
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
const limit = 5 * time.Minute

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

func returnOK(*task.Ctx, job) (string, error) { return "ok", nil }

func itoa(i int) string { return strconv.Itoa(i) }
