package schednats_test

import (
	"context"
	"net"
	"runtime"
	"strings"
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

// Tests of what ends jobs and Serve: timeouts, drops, drains, and the server.

// manyJobs returns n jobs with the IDs and values 0 to n-1.
func manyJobs(n int) []job {
	jobs := make([]job, n)
	for i := range jobs {
		jobs[i] = job{ID: itoa(i), Value: i}
	}
	return jobs
}

// The timeout begins when the handler is called: jobs may wait in the queue for longer.
func TestTimeout(t *testing.T) {
	f := start(t, schednats.Config{})
	f.submit(manyJobs(8)...)
	var causes atomic.Int64
	// Each of the scheduler's two workers is busy for the whole timeout of every job.
	stop := f.serve(schednats.Options{Prefetch: 8, MaxDeliver: 1, Timeout: 20 * time.Millisecond},
		func(c *task.Ctx, _ job) (string, error) {
			for c.Err() == nil {
				runtime.Gosched()
			}
			if c.Cause() == context.DeadlineExceeded {
				causes.Add(1)
			}
			return "after the timeout", nil
		})
	for _, o := range f.outcomes(8) {
		require.NoError(t, o.Err)
		require.Equal(t, "after the timeout", o.Value)
	}
	require.NoError(t, stop())
	require.EqualValues(t, 8, causes.Load())
	require.EqualValues(t, 8, f.n.Executed.Load())
	require.Zero(t, f.n.HandedBack.Load())
}

// A job whose handler hangs is delivered again after Timeout and AckWait. What the hung handler
// returns later is refused.
func TestTimeoutOfHungHandler(t *testing.T) {
	f := start(t, schednats.Config{AckWait: 300 * time.Millisecond})
	f.submit(job{ID: "x"})
	let := make(chan struct{})
	stop := f.serve(schednats.Options{Timeout: time.Millisecond},
		func(_ *task.Ctx, j job) (string, error) {
			if j.Delivery == 1 {
				<-let
				return "hung", nil
			}
			return "again", nil
		})
	require.Equal(t, "again", f.outcomes(1)["x"].Value)
	close(let)
	f.eventually(func() bool { return f.n.Refused.Load() == 1 })
	require.NoError(t, stop())
}

// Serve drains although it waits for room in a pool whose handlers hang.
func TestDrainOfFullPool(t *testing.T) {
	f := start(t, schednats.Config{})
	f.submit(manyJobs(8)...)
	sched, err := scheduler.New(scheduler.WithWorkers(1),
		scheduler.WithQueueLimit(1, scheduler.Block))
	require.NoError(t, err)
	begun, let := make(chan struct{}, 8), make(chan struct{})
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- f.q.Serve(ctx, sched, func(*task.Ctx, job) (string, error) {
			begun <- struct{}{}
			<-let // whatever happens to its context
			return "late", nil
		}, schednats.Options{Prefetch: 8, DrainTimeout: time.Millisecond, Counters: &f.n})
	}()
	<-begun
	f.eventually(func() bool { return sched.Stats().Delayed > 0 }) // a job waits for room
	cancel()
	err = <-ended
	require.ErrorIs(t, err, schednats.ErrDrain)
	require.ErrorContains(t, err, "1 jobs handed back unfinished")
	require.EqualValues(t, 7, f.n.HandedBack.Load())
	close(let)
	require.NoError(t, sched.Close())
	f.serve(schednats.Options{}, func(*task.Ctx, job) (string, error) { return "ok", nil })
	for id, o := range f.outcomes(8) {
		require.Equal(t, "ok", o.Value, id)
	}
}

// Drop reaches every process, the jobs that run there, those that wait in the pool, and those that
// have arrived while Serve waits for room in the pool. It leaves other batches alone, and a batch
// of the same name that is submitted afterwards.
func TestDropEverywhere(t *testing.T) {
	f := start(t, schednats.Config{})
	f.submit(manyJobs(100)...)
	begun := make(chan string, 1000)
	let := make(chan struct{})
	const processes = 2
	var ends []<-chan error
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	for range processes {
		sched, err := scheduler.New(scheduler.WithWorkers(1),
			scheduler.WithQueueLimit(1, scheduler.Block))
		require.NoError(t, err)
		defer sched.Close()
		nc, err := nats.Connect(f.nc.ConnectedUrl())
		require.NoError(t, err)
		defer nc.Close()
		js, err := jetstream.New(nc)
		require.NoError(t, err)
		q, err := schednats.Bind[int, string](ctx, js, "q")
		require.NoError(t, err)
		ended := make(chan error, 1)
		ends = append(ends, ended)
		go func() {
			ended <- q.Serve(ctx, sched, func(c *task.Ctx, j job) (string, error) {
				begun <- j.Batch
				if j.Batch == "b" && j.Value >= 0 {
					<-c.Done()
					if c.Cause() != schednats.ErrDropped {
						return "", c.Cause()
					}
					<-let // so that no other job begins before all are dropped
				}
				return "done", nil
			}, schednats.Options{Prefetch: 16, Counters: &f.n})
		}()
		f.eventually(func() bool { return sched.Stats().Delayed > 0 })
	}
	for range processes {
		require.Equal(t, "b", <-begun)
	}
	f.eventually(func() bool { return f.n.Delivered.Load() >= 2*processes })
	require.NoError(t, f.q.Drop(context.Background(), "b")) // without a deadline too
	close(let)
	require.NoError(t, f.q.Submit(f.ctx, job{Batch: "other", ID: "x"},
		job{Batch: "b", ID: "new", Value: -1}))
	for o, err := range f.q.Results(f.ctx, "other") {
		require.NoError(t, err)
		require.Equal(t, "done", o.Value)
		break
	}
	all := f.outcomes(1)
	require.Equal(t, "done", all["new"].Value)
	f.eventually(func() bool { return f.n.Held.Load() == 0 })
	cancel()
	for _, e := range ends {
		require.NoError(t, <-e)
	}
	close(begun)
	executed := map[string]int{}
	for b := range begun {
		executed[b]++
	}
	require.Equal(t, map[string]int{"b": 1, "other": 1}, executed, "beside the two that were dropped")
	b, err := f.q.Backlog(f.ctx)
	require.NoError(t, err)
	require.EqualValues(t, 2, b.Outcomes)
	require.Zero(t, b.Waiting)
}

// Garbage on the subject of drops is reported and ignored.
func TestDropGarbage(t *testing.T) {
	f := start(t, schednats.Config{})
	errs := make(chan error, 10)
	stop := f.serve(schednats.Options{OnError: func(err error) { errs <- err }},
		func(*task.Ctx, job) (string, error) { return "ok", nil })
	f.submit(job{ID: "x"})
	require.Equal(t, "ok", f.outcomes(1)["x"].Value) // it serves, so it listens
	for _, m := range []string{"", "b", "b x", "* 9"} {
		require.NoError(t, f.nc.Publish("q.drop", []byte(m)))
		require.Error(t, <-errs)
	}
	f.submit(job{ID: "y"})
	require.Equal(t, "ok", f.outcomes(2)["y"].Value)
	require.NoError(t, stop())
}

// restart stops the fixture's server and starts it again with the same store and port.
func (f *fixture) restart(whileAway func()) {
	f.t.Helper()
	opts := f.opts.Clone()
	opts.Port = f.server.Addr().(*net.TCPAddr).Port
	f.server.Shutdown()
	f.server.WaitForShutdown()
	f.eventually(func() bool { return !f.nc.IsConnected() })
	whileAway()
	f.run(opts)
	f.eventually(f.nc.IsConnected)
}

// A result that is ready while the server is away is kept, and recorded when it is back. The job is
// not executed again.
func TestServerRestart(t *testing.T) {
	f := start(t, schednats.Config{})
	f.submit(job{ID: "x"}, job{ID: "y", Value: 1})
	begun, let := make(chan struct{}, 9), make(chan struct{})
	stop := f.serve(schednats.Options{OnError: func(error) {}},
		func(_ *task.Ctx, j job) (string, error) {
			begun <- struct{}{}
			<-let
			return "kept", nil
		})
	<-begun
	<-begun
	f.restart(func() {
		close(let)
		f.eventually(func() bool { return f.n.Executed.Load() == 2 })
	})
	for id, o := range f.outcomes(2) {
		require.Equal(t, "kept", o.Value, id)
	}
	f.submit(job{ID: "z", Value: 2})
	require.Len(t, f.outcomes(3), 3)
	require.NoError(t, stop())
	require.EqualValues(t, 3, f.n.Executed.Load())
}

// While the server is away Serve sends nothing that is of no use later: no requests for jobs and no
// signs of life.
func TestServerAway(t *testing.T) {
	f := start(t, schednats.Config{AckWait: 300 * time.Millisecond})
	f.submit(job{ID: "x"})
	begun := make(chan struct{}, 1)
	stop := f.serve(schednats.Options{DrainTimeout: time.Millisecond, OnError: func(error) {}},
		func(c *task.Ctx, _ job) (string, error) {
			begun <- struct{}{}
			<-c.Done()
			return "", c.Cause()
		})
	<-begun
	f.server.Shutdown()
	f.server.WaitForShutdown()
	f.eventually(func() bool { return !f.nc.IsConnected() })
	buffered, err := f.nc.Buffered()
	require.NoError(t, err)
	for range 20 { // signs of life are due 100 ms apart, and requests 2 s
		time.AfterFunc(100*time.Millisecond, func() { begun <- struct{}{} })
		<-begun
	}
	now, err := f.nc.Buffered()
	require.NoError(t, err)
	require.LessOrEqual(t, now, buffered)
	require.ErrorIs(t, stop(), schednats.ErrDrain) // Serve ends without a server too
}

// When Serve has returned, none of its goroutines and none of its fetches are left, with and
// without a server. It does not run beside other tests, whose goroutines it would see.
func TestNoGoroutineLeft(t *testing.T) {
	for _, away := range []bool{false, true} {
		f := startAlone(t, schednats.Config{})
		f.submit(manyJobs(100)...)
		begun := make(chan struct{}, 1000)
		stop := f.serve(schednats.Options{Prefetch: 4, DrainTimeout: time.Millisecond,
			OnError: func(error) {}}, func(c *task.Ctx, j job) (string, error) {
			begun <- struct{}{}
			if j.Value > 50 {
				<-c.Done()
			}
			return "ok", c.Err()
		})
		for range 40 {
			<-begun
		}
		if away {
			f.server.Shutdown()
			f.server.WaitForShutdown()
		} else {
			require.Len(t, f.outcomes(3), 3) // a reader that has left
		}
		_ = stop()
		require.Empty(t, goroutines("schednats.(*server", "jetstream.(*pullConsumer)"))
	}
}

// goroutines returns the stacks that contain one of the texts.
func goroutines(texts ...string) (found []string) {
	buf := make([]byte, 1<<20)
	for _, s := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		for _, text := range texts {
			if strings.Contains(s, text) {
				found = append(found, s)
			}
		}
	}
	return found
}

// Several goroutines submit more at a time than a client may have under way.
func TestSubmitFromSeveral(t *testing.T) {
	f := start(t, schednats.Config{})
	const submitters, each = 6, 1024
	errs := make(chan error)
	for i := range submitters {
		go func() {
			jobs := manyJobs(each)
			for k := range jobs {
				jobs[k].Batch, jobs[k].ID = "b", itoa(i)+"-"+itoa(k)
			}
			errs <- f.q.Submit(f.ctx, jobs...)
		}()
	}
	for range submitters {
		require.NoError(t, <-errs)
	}
	b, err := f.q.Backlog(f.ctx)
	require.NoError(t, err)
	require.EqualValues(t, submitters*each, b.Waiting)
}
