package main

import (
	"context"
	"slices"
	"time"

	"github.com/heddle-go/heddle/internal/cli"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// A pass is one trip through all files.
type pass struct {
	found *tally
	took  time.Duration
	stats scheduler.Stats // the scheduler's counters, if a scheduler did the pass
}

// onHeddle indexes the files with one task for each. A first task starts the others and waits for
// them. Idle workers steal them from its worker's queue.
func onHeddle(files []string, set settings, p *cli.Counter) (pass, error) {
	defer p.Stop()
	sched, err := scheduler.New(scheduler.WithWorkers(set.workers), scheduler.WithPinning(set.pinning))
	if err != nil {
		return pass{}, err
	}
	defer sched.Close()

	tallies := &bank{}
	start := begin()
	all := sched.Go(func(c *task.Ctx) {
		tasks := make([]task.Task, len(files))
		for i, path := range files {
			tasks[i] = c.Go(func(c *task.Ctx) {
				t := tallies.take()
				t.add(path, c.Checkpoint) // a task with a long file gives way now and then
				tallies.put(t)
				p.Add()
			})
		}
		for _, t := range tasks {
			_ = t.Wait() // parks this task, not its worker; the tasks do not fail
		}
	}, task.Name("index"))
	if err := all.Wait(); err != nil {
		return pass{}, err
	}
	found := tallies.total()
	took := time.Since(start)

	// Shutdown waits for the workers, so that the counters are complete.
	err = sched.Shutdown(context.Background())
	return pass{found: found, took: took, stats: sched.Stats()}, err
}

// forkSort sorts strings with a fork at each step.
var forkSort *parallel.Func[[]string, struct{}]

func init() { forkSort = parallel.Define(sortOnHeddle) } // in init: a cycle of references

func sortOnHeddle(c *task.Ctx, xs []string) (done struct{}) {
	if len(xs) <= leafSize {
		slices.Sort(xs)
		return done
	}
	low, high := split(xs)
	left := forkSort.Fork(c, low) // until it is joined, another worker may take it
	sortOnHeddle(c, high)
	return left.Join(c)
}

// withSorter calls use with a function that sorts on a scheduler.
func withSorter(set settings, use func(sort func(xs []string) error) error) error {
	sched, err := scheduler.New(scheduler.WithWorkers(set.workers), scheduler.WithPinning(set.pinning))
	if err != nil {
		return err
	}
	defer sched.Close()
	return use(func(xs []string) error {
		_, err := parallel.Run(sched, func(c *task.Ctx) (struct{}, error) { return forkSort.Call(c, xs), nil })
		return err
	})
}
