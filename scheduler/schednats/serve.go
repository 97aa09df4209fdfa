package schednats

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/nats-io/nats.go"
)

// A server is one call of Serve.
type server[J, R any] struct {
	q       *Queue[J, R]
	sched   *scheduler.Scheduler
	handler func(c *task.Ctx, j Job[J]) (R, error)
	opts    Options
	n       *Counters

	mu    sync.Mutex
	held  map[*held]struct{}
	drops map[string]uint64 // the last sequence in the job stream of dropped batches

	room chan struct{} // capacity 1: a job was released
	done chan *held    // capacity Prefetch, so a send never waits: jobs to record

	life context.Context // ends when the keeper and the recorder should end
}

// Serve runs the queue's jobs as tasks of sched, until ctx ends, and records their results. It
// blocks the calling goroutine; it must not be called by a task of sched. Any number of processes
// may serve a queue, and each job goes to one of them at a time.
//
// The handler runs in a task. Its Ctx is cancelled at the job's deadline, after Options.Timeout,
// and when the batch is dropped. If it returns an error or panics, the job is delivered again
// later, and after Options.MaxDeliver deliveries it becomes a dead letter, at once if the error
// wraps [ErrDead].
//
// When ctx ends, Serve drains: it hands back the jobs that have not begun, finishes the others,
// records their results, and returns nil. Jobs that it cannot finish within Options.DrainTimeout
// are cancelled with [ErrDrain] and handed back, and Serve returns an error that says how many.
// Their handlers may still run then, and what they return is dropped. Serve also returns an error
// if an option or an argument is wrong, if sched is closed ([task.ErrClosed]), or if the connection
// is closed for good. It goes on through everything else, with a back-off, and tells
// Options.OnError.
func (q *Queue[J, R]) Serve(ctx context.Context, sched *scheduler.Scheduler,
	handler func(c *task.Ctx, j Job[J]) (R, error), opts Options) error {
	if sched == nil || handler == nil {
		return errors.New("schednats: Serve needs a scheduler and a handler, got nil")
	}
	if err := opts.check(sched); err != nil {
		return err
	}
	s := &server[J, R]{
		q: q, sched: sched, handler: handler, opts: opts, n: opts.Counters,
		held:  map[*held]struct{}{},
		drops: map[string]uint64{},
		room:  make(chan struct{}, 1),
		done:  make(chan *held, opts.Prefetch),
	}
	life, die := context.WithCancel(context.Background())
	defer die()
	s.life = life
	sub, err := q.js.Conn().Subscribe(q.dropSubject(), func(m *nats.Msg) { s.drop(m.Data) })
	if err != nil {
		return fmt.Errorf("schednats: serve %s: %w", q.name, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	var wg sync.WaitGroup
	wg.Go(s.keep)
	wg.Go(s.record)
	// The fetching goroutine may wait in Go for room in a full pool. Handing its job back wakes it.
	release := context.AfterFunc(ctx, s.handBackQueued)
	err = s.fetch(ctx)
	release()
	left := s.drain()
	die()
	wg.Wait()
	for h := range left {
		_ = h.msg.Nak() // if it gets lost, the job comes again after AckWait
	}
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%w: %d jobs handed back unfinished", ErrDrain, len(left))
	}
	// The last acknowledgements are on their way; without a connection they are lost, and the
	// jobs come again.
	flush, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = q.js.Conn().FlushWithContext(flush)
	return err
}
