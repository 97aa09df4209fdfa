package engine

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/heddle-go/heddle/internal/balance"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/internal/timers"
	"github.com/heddle-go/heddle/task"
)

func TestMain(m *testing.M) {
	rt.SchedulerOf = func(on any) (rt.Scheduler, bool) { // as package scheduler does for its type
		s, ok := on.(*Scheduler)
		return (*rtScheduler)(s), ok
	}
	balance.Watch()
	goleak.VerifyTestMain(m)
}

// An option changes the Config of a test's scheduler.
type option func(*Config)

// start makes a scheduler with the defaults of package scheduler.
func start(opts ...option) *Scheduler { return New(configOf(opts...)) }

func configOf(opts ...option) Config {
	c := Config{
		Workers:    2,
		Quantum:    10 * time.Millisecond,
		StallAfter: time.Second,
		Blocking:   512,
		LogOf:      func(st *Stall) []slog.Attr { return []slog.Attr{slog.Duration("age", st.Age)} },
	}
	for _, o := range opts {
		o(&c)
	}
	return c
}

func withWorkers(n int) option { return func(c *Config) { c.Workers = n } }

func withPinning(p Pinning) option { return func(c *Config) { c.Pinning = p } }

func withQuantum(d time.Duration) option { return func(c *Config) { c.Quantum = d } }

func withStallAfter(d time.Duration) option { return func(c *Config) { c.StallAfter = d } }

func withClock(k timers.Clock) option { return func(c *Config) { c.Clock = k } }

func withLatencies(m LatencyMode) option { return func(c *Config) { c.Latencies = m } }

func withQueueLimit(n int, p Policy) option {
	return func(c *Config) { c.QueueLimit, c.Policy = n, p }
}

func withDispatchRing(n int) option {
	return func(c *Config) {
		c.Looks |= rt.LookRing
		c.Ring = n
	}
}

func withSites() option { return func(c *Config) { c.Looks |= rt.LookWaits | rt.LookSites } }

func withStallHandler(f func(*Stall)) option { return func(c *Config) { c.OnStall = f } }

func withPanicHandler(f func(task.Task, *task.PanicError)) option {
	return func(c *Config) { c.OnPanic = f }
}

// stats reads the counters.
func (s *Scheduler) stats() Stats[Latencies, WorkerStats] {
	return ReadStats[Latencies](s, func(w WorkerStats) WorkerStats { return w })
}

func open(t *testing.T, opts ...option) *Scheduler {
	s := start(opts...)
	t.Cleanup(s.Close)
	return s
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	t.Cleanup(cancel)
	return ctx
}
