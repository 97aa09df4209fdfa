package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/heddle-go/heddle/scheduler/schednats"
	"github.com/heddle-go/heddle/task"
)

const (
	batch = "picture"
	// maxDeliver is more than the kills, freezes and restarts that a job is likely to meet.
	maxDeliver = 10
	chunk      = 1000 // jobs submitted at a time
)

func (c *config) queueConfig() schednats.Config {
	return schednats.Config{
		Name: c.queue, Replicas: c.replicas, AckWait: c.ackWait, MaxBytes: c.maxBytes,
		MaxAckPending: c.workers * c.prefetch,
	}
}

// coordinatorRole submits the jobs, collects the outcomes, and proves them. It keeps nothing on
// disk: started again, it submits all jobs without an outcome, and the server ignores those that it
// knows.
func coordinatorRole(ctx context.Context, c *config) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	released := make(chan struct{})
	go func() { <-inputEnd(released); cancel() }()
	nc, js, err := c.connectPatiently(ctx, "coordinator")
	if err != nil {
		return err
	}
	defer nc.Close()
	var q *schednats.Queue[tile, []byte]
	if err := retry(ctx, func() (err error) {
		q, err = schednats.Bind[tile, []byte](ctx, js, c.queue)
		return err
	}); err != nil {
		return err
	}

	var submitting sync.WaitGroup
	var submitErr error
	submitting.Go(func() {
		if submitErr = submitAll(ctx, c, q, released); submitErr != nil {
			cancel()
		}
	})
	got, dead, err := collect(ctx, c, q)
	if err != nil {
		cancel()
	}
	submitting.Wait()
	if submitErr != nil {
		return submitErr
	}
	if err != nil {
		return err
	}
	return prove(ctx, c, q, got, dead)
}

// submitAll submits the jobs that have no outcome yet. With -hold it keeps the last one back until
// released is closed, so that the jobs are not done before the events that the flags ask for.
func submitAll(
	ctx context.Context, c *config, q *schednats.Queue[tile, []byte], released <-chan struct{},
) error {
	var done map[string]bool
	if err := retry(ctx, func() (err error) {
		done, err = q.Recorded(ctx, batch)
		return err
	}); err != nil {
		return err
	}
	var deadline time.Time
	if c.deadline > 0 {
		deadline = time.Now().Add(c.deadline)
	}
	jobs := make([]schednats.Job[tile], 0, chunk)
	said := ""
	flush := func() error {
		err := retry(ctx, func() error {
			err := q.Submit(ctx, jobs...)
			if err != nil && err.Error() != said {
				said = err.Error()
				fmt.Fprintln(os.Stderr, "coordinator: goes on after:", err)
			}
			return err
		})
		jobs = jobs[:0]
		return err
	}
	for i := range c.poison {
		if id := fmt.Sprintf("poison-%d", i); !done[id] {
			jobs = append(jobs, schednats.Job[tile]{Batch: batch, ID: id, Value: tile{Poison: true}})
		}
	}
	for i := range c.jobs {
		if done[tileID(i)] {
			continue
		}
		j := schednats.Job[tile]{Batch: batch, ID: tileID(i), Value: c.tileOf(i), Deadline: deadline}
		if i%16 == 0 {
			j.Priority = task.High
		}
		last := c.hold && i == c.jobs-1
		if len(jobs) >= chunk || last {
			if err := flush(); err != nil {
				return err
			}
		}
		if last {
			select {
			case <-released:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		jobs = append(jobs, j)
	}
	return flush()
}

// collect reads outcomes until every job has one.
func collect(
	ctx context.Context, c *config, q *schednats.Queue[tile, []byte],
) (got [][]byte, dead []string, err error) {
	err = retry(ctx, func() error {
		got, dead = make([][]byte, c.jobs), nil
		seen := make(map[string]bool, c.jobs+c.poison)
		for o, err := range q.Results(ctx, batch) {
			if err != nil {
				return err
			}
			if seen[o.ID] {
				return fmt.Errorf("job %s has two outcomes", o.ID)
			}
			seen[o.ID] = true
			if o.Err != nil {
				dead = append(dead, o.ID)
			} else {
				var i int
				if _, err := fmt.Sscanf(o.ID, "tile-%d", &i); err != nil || i < 0 || i >= c.jobs {
					return fmt.Errorf("outcome of job %q, which nothing submitted", o.ID)
				}
				got[i] = o.Value
			}
			if len(seen) == c.jobs+c.poison {
				return nil
			}
		}
		return errors.New("results ended early")
	})
	return got, dead, err
}

// prove compares the outcomes with a run on this machine alone, and writes the picture.
func prove(
	ctx context.Context, c *config, q *schednats.Queue[tile, []byte], got [][]byte, dead []string,
) error {
	var b schednats.Backlog
	var letters []schednats.DeadLetter
	if err := retry(ctx, func() (err error) {
		// A dead letter is copied right after its outcome was recorded. In a cluster the server
		// that yielded the last outcome may be ahead of the one that counts them.
		b, err = q.Backlog(ctx)
		switch {
		case err != nil:
			return err
		case int(b.Outcomes) < c.jobs+c.poison:
			return fmt.Errorf("%d outcomes of %d are counted", b.Outcomes, c.jobs+c.poison)
		case int(b.Dead) < len(dead):
			return fmt.Errorf("%d dead letters of %d are counted", b.Dead, len(dead))
		}
		letters, err = q.DeadLetters(ctx)
		return err
	}); err != nil {
		return err
	}
	want, err := local(ctx, c)
	if err != nil {
		return err
	}
	lost, wrong := compare(got, want)
	fmt.Printf("%d jobs, %d outcomes recorded: %d results equal to the run on one machine, "+
		"%d wrong, %d lost, %d dead letters\n",
		c.jobs+c.poison, b.Outcomes, c.jobs-lost-wrong, wrong, lost, len(letters))
	slices.SortFunc(letters, func(a, b schednats.DeadLetter) int {
		return strings.Compare(a.ID, b.ID)
	})
	for i, l := range letters {
		if i == 10 {
			fmt.Printf("  and %d more\n", len(letters)-i)
			break
		}
		fmt.Printf("  dead letter %s after %s deliveries: %s\n",
			l.ID, l.Header.Get("Heddle-Delivery"), l.Reason)
	}
	if wrong > 0 || lost > 0 || len(dead) != c.poison || len(letters) != c.poison ||
		int(b.Outcomes) != c.jobs+c.poison {
		return errors.New("the result is not the one of the run on one machine")
	}
	fmt.Printf("SHA-256 of the pixels: %x, both times\n", sha256.Sum256(bytes.Join(want, nil)))
	if c.out == "" {
		return nil
	}
	if err := writePicture(c, got); err != nil {
		return err
	}
	fmt.Println("picture:", c.out)
	return nil
}

// compare counts the tiles of want that got does not have, and those that differ.
func compare(got, want [][]byte) (lost, wrong int) {
	for i := range want {
		switch {
		case got[i] == nil:
			lost++
		case !bytes.Equal(got[i], want[i]):
			wrong++
		}
	}
	return lost, wrong
}
