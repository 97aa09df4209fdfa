package rt

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Tasks are put under a context while it ends. Each of them is cancelled with its Err and cause,
// and nothing is left when all of them have ended.
func TestCohortBesideTheEnd(t *testing.T) {
	why := errors.New("why")
	for range 300 {
		var mu sync.Mutex
		got := map[*Task]error{}
		cs := &Cohorts{Cancel: func(d *Task, gen uint32, err, cause error) (bool, *Late) {
			mu.Lock()
			defer mu.Unlock()
			if err != context.Canceled || !d.Status().Live(gen) {
				cause = errors.New("err, or generation")
			}
			got[d] = cause
			return false, nil
		}}
		ctx, cancel := context.WithCancelCause(context.Background())
		const n = 8
		xs := make([]*Extra, n)
		ds := make([]*Task, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				xs[i] = &Extra{Parents: &ParentContext{Context: ctx}}
				ds[i] = fresh(0)
				cs.Hold(xs[i])
				ds[i].Start("fn", xs[i])
				cs.Attach(xs[i], ds[i], 0)
			})
		}
		wg.Go(func() { cancel(why) })
		wg.Wait()
		for done := false; !done; {
			mu.Lock()
			done = len(got) == n
			mu.Unlock()
		}
		for _, d := range ds {
			require.Equal(t, why, got[d])
		}
		for _, x := range xs {
			x.Release()
		}
		requireNoCohorts(t, cs)
	}
}

// The end of a context queues each task that it has woken once, however many there are.
func TestCohortQueuesInBatches(t *testing.T) {
	for _, n := range []int{1, CancelBatch - 1, CancelBatch, CancelBatch + 1, 3*CancelBatch + 7} {
		queued := make(chan *Task, 2*n)
		cs := &Cohorts{
			Cancel: func(*Task, uint32, error, error) (bool, *Late) { return true, nil },
			Queue: func(ds []*Task) {
				for _, d := range ds {
					queued <- d
				}
			},
		}
		ctx, cancel := context.WithCancel(context.Background())
		all := map[*Task]*Extra{}
		for range n {
			x := &Extra{Parents: &ParentContext{Context: ctx}}
			d := fresh(0)
			cs.Hold(x)
			d.Start("fn", x)
			cs.Attach(x, d, 0)
			all[d] = x
		}
		cancel()
		for range n {
			d := <-queued
			x := all[d] // require.Contains would compare d with all keys by reflection
			require.NotNil(t, x, "of %d", n)
			x.Release()
			delete(all, d)
		}
		requireNoCohorts(t, cs)
		require.Empty(t, queued)
	}
}

// Tasks that end leave their cohort, in any order, and the last one ends the watch.
func TestCohortLeaves(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	other, cancelOther := context.WithCancel(ctx)
	defer cancelOther()
	cancelled := make(chan *Task, 8)
	cs := &Cohorts{Cancel: func(d *Task, _ uint32, _, _ error) (bool, *Late) { cancelled <- d; return false, nil }}
	var xs []*Extra
	var ds []*Task
	for range 4 {
		x := &Extra{Parents: &ParentContext{Context: context.WithValue(ctx, panics{}, 1), Next: &ParentContext{Context: other, Next: &ParentContext{Context: context.Background()}}}}
		d := fresh(0)
		cs.Hold(x)
		d.Start("fn", x)
		cs.Attach(x, d, 0)
		xs, ds = append(xs, x), append(ds, d)
	}
	xs[1].Release()
	xs[3].Release()
	cancelOther()
	require.NotEqual(t, <-cancelled, <-cancelled)
	require.Empty(t, cancelled, "those that have left are not cancelled")
	xs[0].Release()
	xs[2].Release()
	requireNoCohorts(t, cs)
	_, free := ds[0].Finish(Returned)
	require.False(t, free, "a task under a context is its descriptor's only one")
}

func requireNoCohorts(t *testing.T, cs *Cohorts) {
	t.Helper()
	for i := range cs.shards {
		s := &cs.shards[i]
		s.mu.Lock() // an end may have set ended, and not have left yet
		require.Empty(t, s.all)
		s.mu.Unlock()
	}
}

// A context that panics while its watch begins leaves nothing behind.
func TestHoldOfAContextThatPanics(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cs := &Cohorts{}
	x := &Extra{Parents: &ParentContext{Context: ctx, Next: &ParentContext{Context: panics{ctx}}}}
	require.Panics(t, func() { cs.Hold(x) })
	requireNoCohorts(t, cs)
}

type panics struct{ context.Context }

func (panics) Done() <-chan struct{} { panic("Done") }

// A task that is attached after its context has ended is cancelled by the caller of Attach.
func TestAttachAfterTheEnd(t *testing.T) {
	why := errors.New("why")
	var cancelled []*Task
	cs := &Cohorts{Cancel: func(d *Task, _ uint32, err, cause error) (queue bool, late *Late) {
		require.Equal(t, context.Canceled, err)
		require.Equal(t, why, cause)
		cancelled = append(cancelled, d)
		return false, nil
	}}
	ctx, cancel := context.WithCancelCause(context.Background())
	x := &Extra{Parents: &ParentContext{Context: ctx}}
	cs.Hold(x)
	c := x.Parents.cohort
	cancel(why)
	// Package context tells the cohort on a goroutine.
	for ended := false; !ended; runtime.Gosched() {
		c.shard.mu.Lock()
		ended = c.ended.Load()
		c.shard.mu.Unlock()
	}
	d := fresh(0)
	d.Start("fn", x)
	cs.Attach(x, d, 0)
	require.Equal(t, []*Task{d}, cancelled)
	x.Release()
	requireNoCohorts(t, cs)
}
