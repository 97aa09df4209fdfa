package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/scheduler/schednats"
	"github.com/heddle-go/heddle/task"
	"github.com/nats-io/nats.go/jetstream"
)

// A load is a kind of job whose length is known. Jobs of a load compute, or wait as a job does that
// calls another service.
type load struct {
	waits  bool
	length time.Duration // on a CPU that has nothing else to do
}

func (l load) String() string {
	verb := "computes"
	if l.waits {
		verb = "waits"
	}
	return fmt.Sprintf("%s %v", verb, l.length)
}

// tile returns the load's job number i. perMs is what calibrate returned.
func (l load) tile(i int, perMs float64) tile {
	if l.waits {
		return tile{Index: i, Wait: l.length}
	}
	return tile{Index: i, Burn: max(1, int(perMs*l.length.Seconds()*1000))}
}

// count returns how many jobs keep the given number of processes busy for some seconds. growthMost
// bounds it where the engine is slower than the jobs.
func (l load) count(c *config, processes int) int {
	lanes := 1
	if l.waits {
		lanes = c.prefetch
	}
	n := int(growthTime/l.length) * lanes * processes
	return min(max(n, 200), growthMost)
}

const (
	growthTime   = 2 * time.Second
	growthMost   = 30_000
	growthRounds = 3
	burnStep     = 10_000 // iterations between two checkpoints
)

// carry does the job t of a load.
func carry(c *task.Ctx, t tile) ([]byte, error) {
	if t.Wait > 0 {
		return nil, c.Sleep(t.Wait)
	}
	for left := t.Burn; left > 0; left -= burnStep {
		escape(0, 0, min(left, burnStep)) // inside the set: never left early
		c.Checkpoint()
	}
	return nil, c.Cause()
}

// calibrate returns the iterations that this machine does in a millisecond when nothing disturbs.
func calibrate() float64 {
	best := time.Hour
	const n = 1_000_000
	for range 20 {
		begin := time.Now()
		escape(0, 0, n)
		best = min(best, time.Since(begin))
	}
	return n / (best.Seconds() * 1000)
}

// growth prints, as a table, how many jobs a second 1, 2 and 4 worker processes do, each with one
// heddle worker, beside one process that has no queue between. It repeats everything and prints
// each cell's best.
func growth(ctx context.Context, c *config, out io.Writer) error {
	loads := []load{
		{false, 100 * time.Microsecond}, {false, time.Millisecond}, {false, 10 * time.Millisecond},
		{true, 100 * time.Microsecond}, {true, time.Millisecond}, {true, 10 * time.Millisecond},
	}
	processes := []int{0, 1, 2, 4} // 0: without a queue
	perMs := calibrate()
	best := make([][]float64, len(loads))
	for i := range best {
		best[i] = make([]float64, len(processes))
	}
	for range growthRounds {
		for i, l := range loads {
			for k, n := range processes {
				rate, err := growthCell(ctx, c, l, n, l.count(c, max(n, 1)), perMs)
				if err != nil {
					return fmt.Errorf("%v, %d processes: %w", l, n, err)
				}
				best[i][k] = max(best[i][k], rate)
			}
		}
	}
	fmt.Fprintln(out, "| a job | heddle alone | 1 process | 2 processes | 4 processes "+
		"| the queue's price |")
	fmt.Fprintln(out, "| --- | --- | --- | --- | --- | --- |")
	for i, l := range loads {
		fmt.Fprintf(out, "| %v |", l)
		for _, rate := range best[i] {
			fmt.Fprintf(out, " %.0f/s |", rate)
		}
		fmt.Fprintf(out, " %.0f us |\n", 1e6/best[i][1]-1e6/best[i][0])
	}
	return nil
}

// growthCell measures one cell with n jobs.
func growthCell(
	ctx context.Context, c *config, l load, processes, n int, perMs float64,
) (float64, error) {
	if processes == 0 {
		return growthAlone(c, l, n, perMs)
	}
	mine := *c
	mine.queue = fmt.Sprintf("growth-%d", time.Now().UnixNano())
	mine.workers, mine.threads = processes, 1
	nc, js, err := mine.connect("growth")
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	q, err := schednats.Create[tile, []byte](ctx, js, mine.queueConfig())
	if err != nil {
		return 0, err
	}
	defer func() { _ = q.Delete(context.Background()) }()
	jobs := make([]schednats.Job[tile], n)
	for i := range jobs {
		jobs[i] = schednats.Job[tile]{Batch: batch, ID: tileID(i), Value: l.tile(i, perMs)}
	}
	if err := q.Submit(ctx, jobs...); err != nil {
		return 0, err
	}
	for range processes {
		w, err := start(&mine, "worker", func(string) {})
		if err != nil {
			return 0, err
		}
		defer w.kill()
	}
	for {
		b, err := q.Backlog(ctx)
		if err != nil {
			return 0, err
		}
		if b.Dead > 0 {
			return 0, fmt.Errorf("%d dead letters", b.Dead)
		}
		if b.Outcomes == uint64(n) {
			break
		}
		select {
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return recordedRate(ctx, js, mine.queue, n)
}

// recordedRate returns the outcomes a second between the tenth part of n, when all processes have
// come up, and the last one, by the server's clock.
func recordedRate(
	ctx context.Context, js jetstream.JetStream, queue string, n int,
) (float64, error) {
	stream, err := js.Stream(ctx, queue+"_DONE")
	if err != nil {
		return 0, err
	}
	first, err := stream.GetMsg(ctx, uint64(n/10+1))
	if err != nil {
		return 0, err
	}
	last, err := stream.GetMsg(ctx, uint64(n))
	if err != nil {
		return 0, err
	}
	return float64(n-n/10-1) / last.Time.Sub(first.Time).Seconds(), nil
}

// growthAlone does the jobs with a scheduler of one worker, and as many at a time as a worker
// process holds.
func growthAlone(c *config, l load, n int, perMs float64) (float64, error) {
	sched, err := scheduler.New(scheduler.WithWorkers(1))
	if err != nil {
		return 0, err
	}
	defer sched.Close()
	begin := time.Now()
	g := task.NewGroup(sched)
	g.SetLimit(c.prefetch)
	for i := range n {
		g.Go(func(tc *task.Ctx) error {
			_, err := carry(tc, l.tile(i, perMs))
			return err
		})
	}
	err = g.Wait()
	return float64(n) / time.Since(begin).Seconds(), err
}

// superviseGrowth is growth with a server of its own, unless -url names one.
func superviseGrowth(ctx context.Context, c *config, out io.Writer) error {
	stop, err := (&supervisor{c: c}).ownServer()
	if err != nil {
		return err
	}
	defer stop()
	return growth(ctx, c, out)
}
