package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
	"github.com/heddle-go/heddle/task/tsync"
)

// A diary is an Observer that writes down what it is told of each task.
type diary struct {
	mu     sync.Mutex
	events map[task.Task][]string
	others []string
}

func (d *diary) note(t task.Task, format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.events == nil {
		d.events = map[task.Task][]string{}
	}
	d.events[t] = append(d.events[t], fmt.Sprintf(format, args...))
}

func (d *diary) other(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.others = append(d.others, fmt.Sprintf(format, args...))
}

func (d *diary) Ready(t task.Task)             { d.note(t, "ready") }
func (d *diary) Start(t task.Task, worker int) { d.note(t, "start %d", worker) }
func (d *diary) Park(t task.Task, why string)  { d.note(t, "park %s", why) }
func (d *diary) End(t task.Task, err error)    { d.note(t, "end %v", err) }
func (d *diary) Stall(st scheduler.Stall)      { d.other("stall %s", st.Name) }
func (d *diary) Refuse(err error)              { d.other("refuse %v", err) }

// The whole life of tasks, by each of the ways in and each kind of wait.
func TestObserver(t *testing.T) {
	for mode, opts := range map[string][]scheduler.Option{
		"plain":   nil,
		"sampled": {scheduler.WithLatencies(scheduler.Sampled)},
		"exact":   {scheduler.WithLatencies(scheduler.Exact)},
		"waits":   {scheduler.WithWaits()}, // the worker suspends tasks in another function
	} {
		synctest.Test(t, func(t *testing.T) {
			d := &diary{}
			s := open(t, 1, append(opts, scheduler.WithObserver(d))...)
			want := map[task.Task][]string{}
			ch := tsync.NewChan[int](0)
			want[s.Go(func(c *task.Ctx) { _, _, _ = ch.Recv(c) })] =
				[]string{"ready", "start 0", "park chan receive", "ready", "end <nil>"}
			synctest.Wait()
			want[s.Go(func(c *task.Ctx) {
				c.Yield()
				_ = ch.Send(c, 1)
			})] = []string{"ready", "start 0", "end <nil>"}
			want[s.GoAfter(time.Second, func(c *task.Ctx) { _ = c.Sleep(time.Second) })] =
				[]string{"ready", "start 0", "park sleep", "ready", "end <nil>"}
			want[s.Go(func(c *task.Ctx) { time.Sleep(2 * time.Second) }, task.Priority(task.High), task.Name("hog"))] =
				[]string{"ready", "start 0", "end <nil>"}
			early := s.GoAfter(time.Hour, func(c *task.Ctx) {})
			early.Cancel()
			want[early] = []string{"ready", "end context canceled"}
			parked := s.Go(func(c *task.Ctx) { _ = c.Park() }, task.Priority(task.Low))
			want[parked] = []string{"ready", "start 0", "park ready", "ready", "end scheduler closed"}
			synctest.Wait()
			time.Sleep(10 * time.Second)
			_ = s.Close()
			late := s.Go(func(c *task.Ctx) {})
			require.ErrorIs(t, late.Err(), task.ErrClosed)
			want[parked][4] = "end " + task.ErrClosed.Error()
			for h, events := range want {
				require.Equal(t, events, d.events[h], "%v, %v", h, mode)
			}
			require.Equal(t, []string{"stall hog", "refuse " + task.ErrClosed.Error()}, d.others)
			require.EqualValues(t, 1, s.Stats().Refused)
		})
	}
}

// A stolen call starts and ends as a task of its own.
func TestObserverOfStolenCalls(t *testing.T) {
	d := &diary{}
	s := open(t, 2, scheduler.WithObserver(d), scheduler.WithStallAfter(0))
	var started tsync.Event
	_ = s.Go(func(c *task.Ctx) {
		parallel.Do(c, func(*task.Ctx) { started.Wait() }, func(*task.Ctx) { started.Set() })
	}).Wait()
	require.NoError(t, s.Shutdown(context.Background()))
	require.Len(t, d.events, int(s.Stats().Spawned))
	require.Greater(t, len(d.events), 1, "no call was stolen")
	for h, events := range d.events {
		require.GreaterOrEqual(t, len(events), 3, "%v", h)
		require.Equal(t, "ready", events[0])
		require.Contains(t, events[1], "start")
		require.Equal(t, "end <nil>", events[len(events)-1])
	}
}

// With a full queue, the Observer is told which submission is refused, and which task is dropped.
func TestObserverOfAFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, policy := range []scheduler.QueuePolicy{scheduler.Reject, scheduler.DropOldest, scheduler.Block} {
			d := &diary{}
			s := open(t, 1, scheduler.WithObserver(d), scheduler.WithQueueLimit(1, policy))
			release := make(chan struct{})
			s.Go(func(c *task.Ctx) { <-release })
			synctest.Wait()
			queued := s.Go(func(c *task.Ctx) {})
			full := "refuse " + task.ErrQueueFull.Error()
			switch policy {
			case scheduler.Reject:
				s.Go(func(c *task.Ctx) {})
				require.Equal(t, []string{full}, d.others)
			case scheduler.DropOldest:
				s.Go(func(c *task.Ctx) {})
				require.Empty(t, d.others)
				require.Equal(t, []string{"ready", "end " + task.ErrQueueFull.Error()}, d.events[queued])
			default:
				ctx, cancel := context.WithCancelCause(t.Context())
				cancel(errors.New("too long"))
				_, _, err := s.Admit(ctx, func(c *task.Ctx) {}, nil)
				require.EqualError(t, err, "too long")
				require.Equal(t, []string{"refuse too long"}, d.others)
			}
			close(release)
			require.NoError(t, s.Shutdown(t.Context()))
		}
	})
}

// An Observer that panics ends the process, and the text says whose fault it is.
func TestObserverPanics(t *testing.T) {
	code, stderr := child(t, "observer panics")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "oh no")
	require.Contains(t, stderr, "scheduler.WithObserver, whose methods must not panic")
}

func init() {
	children["observer panics"] = func() {
		s, err := scheduler.New(scheduler.WithObserver(panickingObserver{}))
		if err != nil {
			panic(err)
		}
		_ = s.Go(func(*task.Ctx) {}).Wait()
	}
}

type panickingObserver struct{ scheduler.NoObserver }

func (panickingObserver) Start(task.Task, int) { panic("oh no") }
