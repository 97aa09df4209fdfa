// Server is an HTTP service whose handlers compute, and that gets more requests than it can answer.
// It shows a bounded queue, deadlines, priorities and load shedding.
//
//	go run ./examples/server [-for duration] [-workers n] [-queue n] [-policy name] ...
//
// The service listens on the loopback interface and hashes each request's body for some
// milliseconds. A load generator in the same process first measures how many requests a second the
// service answers. Then it sends 50, 90 and 150 per cent of that. It sends real requests at fixed
// times, whether or not earlier ones have been answered. At each load the same service also runs on
// goroutines, first without a limit and then behind a semaphore. At the end the service on heddle
// is stopped in the middle of the load, and the program accounts for every request and every task.
// Only heddle.go and look.go use the scheduler.
//
// # What you see
//
// With -look :6060 the service on heddle alone runs under the loads in turn, again and again, until
// Ctrl-C. http://localhost:6060/ tells the load under way and the last error. Open
// http://localhost:6060/debug/heddle/ meanwhile:
//
//   - At 50 per cent the strips of the workers have gaps, in which the workers sleep, and next to
//     nothing is queued.
//   - At 90 per cent the gaps are rare. The queue is short, but no longer empty: requests come at
//     fixed times, and their work takes a little more or less than the average.
//   - At 150 per cent the workers never sleep, and the queue stays at its limit of 32 requests.
//     "refused" counts what the policy reject sheds. Each request waits about as long as the queue
//     takes to drain, which is the p50 of the time in the queue, while urgent ones go first.
//   - The table of tasks has one row for each request that is running or queued: "hash", or "urgent
//     hash", of level high. No task waits, because a hash needs nothing but a processor.
//   - "CPU profile" shows where the time goes: nearly all of it in SHA-256.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-go/heddle/internal/cli"
	"github.com/heddle-go/heddle/scheduler"
)

func main() { cli.Main(run) }

// settings holds the values of the command line.
type settings struct {
	length   time.Duration // length of each part
	workers  int
	queue    int
	policy   scheduler.QueuePolicy
	deadline time.Duration
	work     time.Duration // computing time of each request
	loads    []float64     // in per cent of the capacity
	look     string        // the address of the page, or "" for the comparison
}

// run is main with its surroundings as arguments. It returns the exit code: 0, or 1 if the accounts
// do not balance or the service could not start, or 2 if the command line was wrong, or 130 if ctx
// ended, for example by Ctrl-C.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	set, err := parse(args, stderr)
	if err != nil {
		return cli.ParseCode(err)
	}
	show := show
	if set.look != "" {
		show = look
	}
	return cli.Code("server", show(ctx, set, stdout, stderr), stderr)
}

var errInterrupted = cli.Interrupted{Left: "the service was stopped, and nothing is left of it"}

func parse(args []string, stderr io.Writer) (settings, error) {
	set := settings{policy: scheduler.Reject, loads: []float64{50, 90, 150}}
	f := cli.NewFlags("server [flags]", `
Drives an HTTP service up to its capacity and past it, with real requests over the loopback
interface, and shows what becomes of them; then stops it in the middle. Ctrl-C ends it early.`, stderr)
	f.DurationRange(&set.length, "for", time.Second, 50*time.Millisecond, time.Hour, "`time` under load, for each of the parts")
	f.IntRange(&set.workers, "workers", runtime.GOMAXPROCS(0), 1, scheduler.MaxWorkers,
		"`number` of workers, and of the semaphore's places")
	f.IntRange(&set.queue, "queue", 32, 1, scheduler.MaxQueueLimit, "`number` of requests that may wait for a worker")
	cli.Choice(f, &set.policy, "policy", "what happens when the queue is full, by `name`",
		scheduler.Block, scheduler.Reject, scheduler.CallerRuns, scheduler.DropOldest)
	f.DurationRange(&set.deadline, "deadline", 250*time.Millisecond, time.Millisecond, time.Hour,
		"`time` after which a request is given up")
	f.DurationRange(&set.work, "work", 2*time.Millisecond, 10*time.Microsecond, time.Second,
		"processor `time` that a request takes")
	f.Func("loads", "the loads, a `list` of per cents of what the service can do, each from 10 to 2000 (default 50,90,150)",
		func(s string) error {
			set.loads = nil
			for _, part := range strings.Split(s, ",") {
				x, err := strconv.ParseFloat(part, 64)
				if err != nil || !(x >= 10 && x <= 2000) {
					return fmt.Errorf("%q: want per cents from 10 to 2000, as in 50,90,150", part)
				}
				set.loads = append(set.loads, x)
			}
			return nil
		})
	f.StringVar(&set.look, "look", "", "show the service on heddle at this `address`, such as :6060, until Ctrl-C")
	err := f.Parse(args) // before set is read
	return set, err
}

// begin prints the settings, and how many requests a second the service answers.
func begin(ctx context.Context, set settings, stdout io.Writer) (j job, capacity float64, err error) {
	j = newJob(set.work)
	fmt.Fprintf(stdout, "requests of %v (%d rounds of SHA-256), deadline %v, every %dth urgent;\n", set.work, j.rounds, set.deadline, urgentEvery)
	fmt.Fprintf(stdout, "%d workers, up to %d requests wait, policy %v, GOMAXPROCS %d\n\n", set.workers, set.queue, set.policy, runtime.GOMAXPROCS(0))
	capacity, err = measure(ctx, set, j)
	switch {
	case ctx.Err() != nil:
		return j, 0, errInterrupted
	case err != nil:
		return j, 0, err
	}
	fmt.Fprintf(stdout, "asked again at once by %d clients, it answers %.0f a second\n", 2*set.workers, capacity)
	return j, capacity, nil
}

// show runs the parts one after the other.
func show(ctx context.Context, set settings, stdout, stderr io.Writer) error {
	j, capacity, err := begin(ctx, set, stdout)
	if err != nil {
		return err
	}

	sides := []part{
		{"heddle", newHeddle, false},
		{"a goroutine a request", newGoroutines, false},
		{"goroutines and a semaphore", newSemaphore, false},
	}
	for i, load := range set.loads {
		rate := capacity * load / 100
		fmt.Fprintf(stdout, "\n%-30s %7s %8s %7s %7s %7s  %17s  %17s\n", fmt.Sprintf("at %g%%: %.0f a second", load, rate),
			"sent", "answered", "a sec.", "shed", "late", "p50 and p99, ms", "of the urgent, ms")
		parts := sides
		if i == len(set.loads)-1 {
			parts = append(slices.Clip(sides), part{"heddle, stopped in the middle", newHeddle, true})
		}
		for _, p := range parts {
			if err := p.show(ctx, set, j, rate, stdout, stderr); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(stdout, "\nLatencies count from when a request was due until it was answered with a result. Without a limit all requests are\n"+
		"let in, and wait for each other. A semaphore bounds that as the scheduler's queue does, but lets nothing go first.\n")
	return nil
}

// A part is the service on one backend under one load.
type part struct {
	name string
	make func(settings, job) (backend, error)
	stop bool // stop the service in the middle of the load
}

// show runs the part and prints one line about it.
func (p part) show(ctx context.Context, set settings, j job, rate float64, stdout, stderr io.Writer) error {
	b, err := p.make(set, j)
	if err != nil {
		return err
	}
	s, err := serve(b, set.deadline)
	if err != nil {
		return errors.Join(err, b.close(ctx))
	}
	r, err := underLoad(ctx, s, set, j, rate, p.stop, p.name, stderr)
	if err != nil {
		return err
	}
	r.print(stdout, p.name)
	if p.stop {
		fmt.Fprintln(stdout)
		r.account(stdout, s)
	}
	if err := r.check(s); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	return nil
}
