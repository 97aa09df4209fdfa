package main

import (
	"context"
	"encoding/json"
	"os"
	"runtime/metrics"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/scheduler/schednats"
	"github.com/heddle-go/heddle/task"
)

// A tally is what a worker prints about itself, as a line of JSON, every tallyEvery.
type tally struct {
	Executed, Recorded, Refused, Redelivered, HandedBack, Dead, Held int64

	Memory uint64 // bytes that the process has from the system
}

const tallyEvery = 200 * time.Millisecond

func tallyOf(n *schednats.Counters) tally {
	memory := []metrics.Sample{{Name: "/memory/classes/total:bytes"}}
	metrics.Read(memory)
	return tally{
		n.Executed.Load(), n.Recorded.Load(), n.Refused.Load(), n.Redelivered.Load(),
		n.HandedBack.Load(), n.Dead.Load(), n.Held.Load(), memory[0].Value.Uint64(),
	}
}

// workerRole serves the queue until ctx or its standard input ends, then drains. If that happens
// before it has found the queue, it has nothing to drain, and that is no error.
func workerRole(ctx context.Context, c *config) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { <-inputEnd(nil); cancel() }()

	nc, js, err := c.connectPatiently(ctx, "worker")
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer nc.Close()
	var q *schednats.Queue[tile, []byte]
	if err := retry(ctx, func() (err error) {
		q, err = schednats.Bind[tile, []byte](ctx, js, c.queue)
		return err
	}); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	// One number: the pool's queue limit, the prefetch, and this process's part of MaxAckPending.
	opts := []scheduler.Option{scheduler.WithQueueLimit(c.prefetch, scheduler.Block)}
	if c.threads > 0 {
		opts = append(opts, scheduler.WithWorkers(c.threads))
	}
	sched, err := scheduler.New(opts...)
	if err != nil {
		return err
	}
	defer sched.Close()

	var n schednats.Counters
	out := json.NewEncoder(os.Stdout)
	ended := make(chan error, 1)
	go func() {
		ended <- q.Serve(ctx, sched, func(tc *task.Ctx, j schednats.Job[tile]) ([]byte, error) {
			return render(tc, j.Value)
		}, schednats.Options{
			Prefetch:   c.prefetch,
			MaxDeliver: maxDeliver,
			Backoff:    func(int) time.Duration { return 50 * time.Millisecond },
			OnError:    func(error) {}, // the supervisor shows the counters; poison jobs are listed
			Counters:   &n,
		})
	}()
	tick := time.NewTicker(tallyEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = out.Encode(tallyOf(&n)) // without a supervisor there is no reader
		case err := <-ended:
			_ = out.Encode(tallyOf(&n))
			return err
		}
	}
}
