package main

import "context"

// onGoroutines computes on the handlers' own goroutines: on all of them at once, or only on those
// that hold a place.
type onGoroutines struct {
	job    job
	places chan struct{} // nil for no limit
	queue  chan struct{}
}

func newGoroutines(set settings, j job) (backend, error) { return &onGoroutines{job: j}, nil }

// newSemaphore bounds how many requests compute and how many wait, as the scheduler does.
func newSemaphore(set settings, j job) (backend, error) {
	return &onGoroutines{j, make(chan struct{}, set.workers), make(chan struct{}, set.workers+set.queue)}, nil
}

func (g *onGoroutines) do(ctx context.Context, payload []byte, _ bool) (sum digest, err error) {
	if g.places != nil {
		select {
		case g.queue <- struct{}{}:
			defer func() { <-g.queue }()
		default:
			return sum, errShed
		}
		select {
		case g.places <- struct{}{}:
			defer func() { <-g.places }()
		case <-ctx.Done():
			return sum, context.Cause(ctx)
		}
	}
	sum, err = g.job.run(payload, func() bool { return ctx.Err() != nil })
	if err != nil {
		err = context.Cause(ctx)
	}
	return sum, err
}

func (g *onGoroutines) close(context.Context) error { return nil }
func (g *onGoroutines) left() (string, error)       { return "", nil }
