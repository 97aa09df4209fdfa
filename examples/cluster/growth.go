package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
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
	growthTime   = time.Second
	growthMost   = 10_000
	growthRounds = 3
	burnStep     = 10_000 // iterations between two checkpoints
)

// carry does the job t of a load.
func carry(c *task.Ctx, t tile) ([]byte, error) {
	if t.Wait > 0 {
		return nil, c.Sleep(t.Wait)
	}
	for left := t.Burn; left > 0; left -= burnStep {
		if escape(0, 0, min(left, burnStep)) != inside {
			return nil, errors.New("the origin has left the set")
		}
		c.Checkpoint()
	}
	return nil, c.Cause()
}

// calibrate returns the iterations that this machine does in a millisecond when nothing disturbs:
// the best of many short tries.
func calibrate() float64 {
	best := time.Hour
	const n = 100_000
	for range 2000 {
		begin := time.Now()
		if escape(0, 0, n) == inside { // as always
			best = min(best, time.Since(begin))
		}
	}
	return n / (best.Seconds() * 1000)
}

// A cell is what was measured with one load and one number of processes.
type cell struct {
	rate float64       // jobs a second
	cpu  time.Duration // CPU time a job, of all processes
}

// growthProcesses are the columns of the table: 0 is heddle alone, without a queue.
var growthProcesses = [...]int{0, 1, 2, 4}

// growth prints, as a table, how many jobs a second 1, 2 and 4 worker processes do, each with one
// heddle worker, beside one process that has no queue between. The last column is the CPU time that
// a job costs with the queue and one process beyond what it costs without a queue.
func growth(ctx context.Context, c *config, out io.Writer) error {
	perMs := calibrate()
	fmt.Fprintln(out, "| a job | heddle alone | 1 process | 2 processes | 4 processes "+
		"| the queue's CPU time a job |")
	fmt.Fprintln(out, "| --- | --- | --- | --- | --- | --- |")
	for _, l := range []load{
		{false, 100 * time.Microsecond}, {false, time.Millisecond}, {false, 10 * time.Millisecond},
		{true, 10 * time.Millisecond},
	} {
		best, err := growthRow(ctx, c, l, perMs)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "| %v |", l)
		for _, b := range best {
			fmt.Fprintf(out, " %.0f/s |", b.rate)
		}
		price := best[1].cpu - best[0].cpu
		fmt.Fprintf(out, " %v |\n", price.Round(time.Microsecond))
	}
	return nil
}

// growthRow measures each cell of a row several times, in rounds, and returns the best rates and
// the least CPU times.
func growthRow(
	ctx context.Context, c *config, l load, perMs float64,
) (best [len(growthProcesses)]cell, err error) {
	for round := range growthRounds {
		for k, n := range growthProcesses {
			got, err := growthCell(ctx, c, l, n, l.count(c, max(n, 1)), perMs)
			if err != nil {
				return best, fmt.Errorf("%v, %d processes: %w", l, n, err)
			}
			b := &best[k]
			b.rate = max(b.rate, got.rate)
			if round == 0 || got.cpu < b.cpu {
				b.cpu = got.cpu
			}
		}
	}
	return best, nil
}

// growthCell measures one cell with n jobs, and with a server of its own.
func growthCell(
	ctx context.Context, c *config, l load, processes, n int, perMs float64,
) (got cell, err error) {
	if processes == 0 {
		return growthAlone(c, l, n, perMs)
	}
	mine := *c
	mine.url, mine.queue, mine.port = "", "growth", -1
	mine.workers, mine.threads = processes, 1
	s := &supervisor{c: &mine}
	stop, err := s.ownServer()
	if err != nil {
		return got, err
	}
	defer stop()
	nc, js, err := mine.connect("growth")
	if err != nil {
		return got, err
	}
	defer nc.Close()
	q, err := schednats.Create[tile, []byte](ctx, js, mine.queueConfig())
	if err != nil {
		return got, err
	}
	jobs := make([]schednats.Job[tile], n)
	for i := range jobs {
		jobs[i] = schednats.Job[tile]{Batch: batch, ID: tileID(i), Value: l.tile(i, perMs)}
	}
	before := ownCPU()
	if err := q.Submit(ctx, jobs...); err != nil {
		return got, err
	}
	spent := ownCPU() - before
	var ws []*process
	defer func() {
		for _, w := range ws {
			w.kill()
		}
	}()
	for range processes {
		w, err := start(&mine, "worker", func(string) {})
		if err != nil {
			return got, err
		}
		ws = append(ws, w)
	}
	if err := awaitOutcomes(ctx, q, n); err != nil {
		return got, err
	}
	if got.rate, err = recordedRate(ctx, js, mine.queue, n); err != nil {
		return got, err
	}
	for _, p := range append(ws, s.server) {
		_ = p.stdin.Close()
		<-p.ended
		if p.err != nil {
			return got, fmt.Errorf("process %d: %w", p.pid(), p.err)
		}
		spent += p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
	}
	got.cpu = spent / time.Duration(n)
	return got, nil
}

// ownCPU returns the CPU time of this process.
func ownCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // fails only for other processes
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// awaitOutcomes waits until n outcomes are recorded.
func awaitOutcomes(ctx context.Context, q *schednats.Queue[tile, []byte], n int) error {
	for {
		b, err := q.Backlog(ctx)
		switch {
		case err != nil:
			return err
		case b.Dead > 0:
			return fmt.Errorf("%d dead letters", b.Dead)
		case b.Outcomes == uint64(n):
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
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
func growthAlone(c *config, l load, n int, perMs float64) (got cell, err error) {
	sched, err := scheduler.New(scheduler.WithWorkers(1))
	if err != nil {
		return got, err
	}
	defer sched.Close()
	begin, before := time.Now(), ownCPU()
	g := task.NewGroup(sched)
	g.SetLimit(c.prefetch)
	for i := range n {
		g.Go(func(tc *task.Ctx) error {
			_, err := carry(tc, l.tile(i, perMs))
			return err
		})
	}
	err = g.Wait()
	got.rate = float64(n) / time.Since(begin).Seconds()
	got.cpu = (ownCPU() - before) / time.Duration(n)
	return got, err
}
