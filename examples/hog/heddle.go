package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

const quantum = time.Millisecond

// onHeddle runs hogs and short tasks as tasks. It also returns the reported stalls, in words.
func onHeddle(length time.Duration, checkpoints bool) (outcome, []string, error) {
	var mu sync.Mutex
	var stalls []string
	sched, err := scheduler.New(
		scheduler.WithQuantum(quantum),
		scheduler.WithStallAfter(length/4),
		scheduler.WithStallHandler(func(s scheduler.Stall) {
			mu.Lock()
			defer mu.Unlock()
			// Read the name while the task runs, because a handle forgets the name when its task
			// has ended.
			stalls = append(stalls, fmt.Sprintf("worker %d: task %q has passed no yield point for %v",
				s.Worker, s.Task.Name(), s.Age.Round(time.Millisecond)))
		}),
		// The stall handler prints stalls. Without this option the log would print them too.
		scheduler.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))),
	)
	if err != nil {
		return outcome{}, nil, err
	}
	defer sched.Close()

	var chunks atomic.Int64
	r := newRecorder(length)
	end := r.start.Add(length)
	metronome := sched.Go(func(c *task.Ctx) {
		for i := range sched.Workers() {
			c.Go(func(c *task.Ctx) {
				giveWay := func() {}
				if checkpoints {
					giveWay = c.Checkpoint
				}
				chunks.Add(hog(end, giveWay))
			}, task.Name(fmt.Sprintf("hog %d", i)))
		}
		for i := range r.took {
			if d := time.Until(r.due(i)); d > 0 {
				_ = c.Sleep(d) // parks the task; fails only if it is cancelled, and none is
			}
			c.Go(func(*task.Ctx) { r.short(i) })
		}
	}, task.Name("metronome"))

	// Shutdown waits for all tasks.
	if err := sched.Shutdown(context.Background()); err != nil {
		return outcome{}, nil, err
	}
	mu.Lock()
	defer mu.Unlock()
	return outcome{r.took, chunks.Load()}, stalls, metronome.Err()
}
