package scheduler_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// With CallerRuns, a submitter that finds the queue full waits for the end of its own task. So each
// submitter queues at most one task beyond the limit.
func TestCallerRuns(t *testing.T) {
	eachCount(t, workerCounts, func(t *testing.T, n int) {
		const limit, submitters = 2, 5
		s := open(t, n, scheduler.WithQueueLimit(limit, scheduler.CallerRuns))
		release := hold(t, s)
		fill(t, s, limit)
		var results []func() task.Task
		for i := range submitters {
			results = append(results, async(t, func() task.Task { return s.Go(func(c *task.Ctx) { c.Yield() }) }))
			awaitDelayed(s, uint64(i+1))
		}
		for s.Stats().Queued < limit+submitters {
			runtime.Gosched()
		}
		release()
		for _, r := range results {
			x := r()
			require.Equal(t, task.Done, x.State(), "the submitter has waited for it")
			require.NoError(t, x.Err())
		}
		var log errlog
		var wg sync.WaitGroup
		for range submitters {
			wg.Go(func() {
				for range scale(1_500) {
					s.Go(func(*task.Ctx) {})
					k := s.Stats().Queued
					log.check(k <= limit+submitters, "%d tasks are queued", k)
				}
			})
		}
		finish(t, "the submitters", wg.Wait)
		log.require(t)
	})
}

// The wait of CallerRuns ends with the contexts that Block's does, also if the task has labels of
// its own.
func TestCancelWhileCallerWaits(t *testing.T) {
	t.Run("plain", func(t *testing.T) { testCancelWhileCallerWaits(t) })
	t.Run("labels", func(t *testing.T) { testCancelWhileCallerWaits(t, scheduler.WithNameLabels()) })
}

func testCancelWhileCallerWaits(t *testing.T, opts ...scheduler.Option) {
	s := open(t, 1, append(opts, scheduler.WithQueueLimit(1, scheduler.CallerRuns))...)
	release := hold(t, s)
	queued := fill(t, s, 1)
	ctx, cancel := context.WithCancel(context.Background())
	r := async(t, func() task.Task { return s.GoContext(ctx, func(*task.Ctx) { t.Error("ran") }, task.Name("mine")) })
	awaitDelayed(s, 1)
	cancel()
	x := r()
	var ran atomic.Bool
	ctx, cancel = context.WithCancel(context.Background())
	g := task.NewGroup(s)
	went := async(t, func() error { return g.GoContext(ctx, func(*task.Ctx) error { ran.Store(true); return nil }) })
	awaitDelayed(s, 2)
	cancel()
	require.NoError(t, went(), "it has been accepted")
	release()
	require.Equal(t, context.Canceled, x.Wait())
	require.NoError(t, g.WaitContext(context.Background()))
	require.True(t, ran.Load())
	waitAll(t, queued)
}

// A panickyCtx is a context one of whose methods panics from its n-th call on.
type panickyCtx struct {
	context.Context
	method string
	n      atomic.Int64
}

func (x *panickyCtx) call(method string) {
	if method == x.method && x.n.Add(-1) < 0 {
		panic(errCause)
	}
}

func (x *panickyCtx) Err() error            { x.call("Err"); return x.Context.Err() }
func (x *panickyCtx) Done() <-chan struct{} { x.call("Done"); return x.Context.Done() }
func (x *panickyCtx) Value(key any) any     { x.call("Value"); return x.Context.Value(key) }

// A context panics at some point of a submission under it. If the panic reaches the submitter,
// nothing has been submitted. Otherwise the task runs. With CallerRuns, a panic during the wait for
// the task's end comes too late to reach the submitter.
func TestContextThatPanicsWhileCallerWaits(t *testing.T) {
	ways := map[string]func(s *scheduler.Scheduler, ctx context.Context, fn func(c *task.Ctx)) (wait func() error){
		"GoContext": func(s *scheduler.Scheduler, ctx context.Context, fn func(c *task.Ctx)) func() error {
			return s.GoContext(ctx, fn).Wait
		},
		"Group.Go": func(s *scheduler.Scheduler, ctx context.Context, fn func(c *task.Ctx)) func() error {
			g := task.NewGroup(s)
			err := g.GoContext(ctx, func(c *task.Ctx) error { fn(c); return nil })
			return func() error { return errors.Join(err, g.WaitContext(context.Background())) }
		},
	}
	for name, submit := range ways {
		for _, method := range []string{"Err", "Done", "Value"} {
			for n := range 8 {
				s := open(t, 1, scheduler.WithQueueLimit(1, scheduler.CallerRuns))
				release := hold(t, s)
				queued := fill(t, s, 1)
				ctx, cancel := context.WithCancel(context.Background())
				bad := &panickyCtx{Context: ctx, method: method}
				bad.n.Store(int64(n))
				var ran atomic.Int64
				var wait func() error
				submitted := make(chan struct{})
				go func() {
					defer close(submitted)
					defer func() { _ = recover() }()
					wait = submit(s, bad, func(*task.Ctx) { ran.Add(1) })
				}()
				for over := false; !over && s.Stats().Delayed == 0; runtime.Gosched() {
					select {
					case <-submitted:
						over = true
					default:
					}
				}
				release()
				<-submitted
				waitAll(t, queued)
				if wait != nil {
					require.NoError(t, wait())
				}
				finish(t, "Wait", func() { require.NoError(t, s.Wait(context.Background())) })
				require.Equal(t, wait != nil, ran.Load() == 1, "%s, %s, %d", name, method, n)
				cancel()
			}
		}
	}
}
