package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// onHeddle computes on a scheduler with a bounded queue.
type onHeddle struct {
	sched *scheduler.Scheduler
	job   job
}

func newHeddle(set settings, j job) (backend, error) {
	opts := []scheduler.Option{scheduler.WithWorkers(set.workers), scheduler.WithQueueLimit(set.queue, set.policy)}
	if set.look != "" {
		// A task of milliseconds does not feel what these cost; the comparison is without them.
		opts = append(opts, scheduler.WithLatencies(scheduler.Exact), scheduler.WithSites())
	}
	sched, err := scheduler.New(opts...)
	if err != nil {
		return nil, err
	}
	return &onHeddle{sched, j}, nil
}

// do submits a request as a task and waits for it, but no longer than until ctx ends. ctx has the
// deadline. The task ends with ctx too: if it runs, at its next checkpoint, and if it is still
// queued, without having run.
func (h *onHeddle) do(ctx context.Context, payload []byte, urgent bool) (sum digest, err error) {
	name, level := task.Name("hash"), task.Normal
	if urgent {
		name, level = task.Name("urgent hash"), task.High
	}
	f := task.Submit(h.sched, func(c *task.Ctx) (digest, error) {
		return h.job.run(payload, c.Cancelled) // Cancelled is also a checkpoint
	}, task.Parent(ctx), task.Priority(level), name)
	sum, err = f.WaitContext(ctx)
	switch {
	case errors.Is(err, task.ErrQueueFull), errors.Is(err, task.ErrClosed):
		err = errShed
	case err != nil && ctx.Err() != nil:
		// Whether the wait or the task ended first, this is the cause of both.
		err = context.Cause(ctx)
	}
	return sum, err
}

// close waits until all tasks have ended. Afterwards nothing of the scheduler is left.
func (h *onHeddle) close(ctx context.Context) error {
	return errors.Join(h.sched.Shutdown(ctx), h.sched.Close())
}

// left describes what is left of the tasks, and returns an error if any is left.
func (h *onHeddle) left() (string, error) {
	st := h.sched.Stats()
	text := fmt.Sprintf("tasks: %d accepted, %d ended (%d of them dropped from the queue), %d queued; %d refused, %d given up while they waited for room",
		st.Spawned, st.Finished, st.Dropped, st.Queued, st.Rejected, st.Abandoned)
	if st.Spawned != st.Finished || st.Queued != 0 {
		return text, errors.New(text)
	}
	return text, nil
}
