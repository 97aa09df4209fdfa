package main

import (
	"context"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A pass is one trip through all files.
type pass struct {
	found *tally
	took  time.Duration
	stats scheduler.Stats // of the scheduler, if one did it
}

// onHeddle indexes the files with one task each: a first task starts the others, which
// idle workers then steal from its queue, and joins them.
func onHeddle(files []string, set settings, p *progress) (pass, error) {
	defer p.stop()
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
				t.add(path, c.Checkpoint) // long files give way to others now and then
				tallies.put(t)
				p.done.Add(1)
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
