package main

import (
	"context"
	"io/fs"
	"os"
	"time"

	"github.com/heddle-go/heddle/internal/cli"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// onHeddle runs the pipeline on a scheduler of its own.
func onHeddle(ctx context.Context, set settings, bar *cli.Counter) (*pass, error) {
	sched, err := scheduler.New(scheduler.WithWorkers(set.workers), scheduler.WithPinning(set.pinning))
	if err != nil {
		return nil, err
	}
	defer sched.Close()
	return flow(ctx, sched, set, bar)
}

// flow runs the pipeline on tasks that on starts. Each stage is a group of its own, and one outer
// group holds all of them. So a failure in one stage, or the end of ctx, cancels all stages.
func flow(ctx context.Context, on task.Starter, set settings, bar *cli.Counter) (*pass, error) {
	p := newPass(set)
	paths := tsync.NewChan[string](set.bound)
	blobs := tsync.NewChan[blob](set.bound)
	sums := tsync.NewChan[sum](set.bound)

	start := time.Now()
	all, _ := task.NewGroupContext(ctx, on)
	add := func(s *stage, work func(c *task.Ctx) error, done func()) {
		all.Go(func(c *task.Ctx) error {
			g, _ := task.NewGroupContext(c, c)
			for range s.units {
				g.Go(work, task.Name(s.name))
			}
			if err := g.Wait(); err != nil {
				return err // the channel stays open, because its receivers are cancelled too
			}
			done() // no task sends any more
			return nil
		})
	}
	add(&p.walk, func(c *task.Ctx) error {
		readDir := func(dir string) ([]fs.DirEntry, error) {
			return task.BlockingValue(c, func() ([]fs.DirEntry, error) { return os.ReadDir(dir) })
		}
		err := p.each(set.root, readDir, func(path string) error { return paths.Send(c, path) })
		if cause := c.Cause(); cause != nil {
			return cause // what could not be read may be no problem of the folder's
		}
		return err
	}, paths.Close)
	add(&p.read, func(c *task.Ctx) error {
		for path := range paths.All(c) {
			start := time.Now()
			data, err := task.BlockingValue(c, func() ([]byte, error) { return os.ReadFile(path) })
			p.read.note(start, len(data))
			if c.Err() != nil {
				return c.Cause()
			}
			if err != nil {
				p.problem(path, err)
				continue
			}
			if err := blobs.Send(c, blob{path, data}); err != nil {
				return err
			}
		}
		return c.Cause()
	}, blobs.Close)
	add(&p.hash, func(c *task.Ctx) error {
		for b := range blobs.All(c) {
			start := time.Now()
			s := sum{b.path, len(b.data), hashOf(b.data, c.Checkpoint)}
			p.hash.note(start, s.size)
			if err := sums.Send(c, s); err != nil {
				return err
			}
		}
		return c.Cause()
	}, sums.Close)
	add(&p.collect, func(c *task.Ctx) error {
		for s := range sums.All(c) {
			p.keep(s, bar)
		}
		return c.Cause()
	}, func() {})
	err := all.Wait()
	p.took = time.Since(start)
	return p, err
}
