package main

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/heddle-go/heddle/internal/cli"
)

// onGoroutines runs the same pipeline on goroutines and native channels.
func onGoroutines(ctx context.Context, set settings, bar *cli.Counter) (*pass, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p := newPass(set)
	paths := make(chan string, set.bound)
	blobs := make(chan blob, set.bound)
	sums := make(chan sum, set.bound)

	start := time.Now()
	var all sync.WaitGroup
	add := func(s *stage, work func() error, done func()) {
		var units sync.WaitGroup
		for range s.units {
			units.Go(func() {
				if err := work(); err != nil {
					cancel(err)
				}
			})
		}
		all.Go(func() {
			units.Wait()
			done()
		})
	}
	add(&p.walk, func() error {
		return p.each(set.root, os.ReadDir, func(path string) error { return send(ctx, paths, path) })
	}, func() { close(paths) })
	add(&p.read, func() error {
		for path := range paths {
			start := time.Now()
			data, err := os.ReadFile(path)
			p.read.note(start, len(data))
			if err != nil {
				p.problem(path, err)
				continue
			}
			if err := send(ctx, blobs, blob{path, data}); err != nil {
				return err
			}
		}
		return nil
	}, func() { close(blobs) })
	add(&p.hash, func() error {
		for b := range blobs {
			start := time.Now()
			s := sum{b.path, len(b.data), hashOf(b.data, func() {})}
			p.hash.note(start, s.size)
			if err := send(ctx, sums, s); err != nil {
				return err
			}
		}
		return nil
	}, func() { close(sums) })
	add(&p.collect, func() error {
		for s := range sums {
			p.keep(s, bar)
		}
		return nil
	}, func() {})
	all.Wait()
	p.took = time.Since(start)
	return p, context.Cause(ctx)
}

// send sends v, unless ctx ends first.
func send[T any](ctx context.Context, ch chan<- T, v T) error {
	select {
	case ch <- v:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
