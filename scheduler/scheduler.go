package scheduler

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/heddle-go/heddle/internal/engine"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/thread"
)

// Scheduler runs tasks on a fixed pool of workers. Its methods may be called from any
// goroutine and from tasks, unless they say otherwise. Make one with [New].
type Scheduler struct {
	_ noCopy
	e *engine.Scheduler
}

// noCopy makes go vet report copies of a struct that has it as a field.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// New makes a scheduler and starts its workers. Without options it has GOMAXPROCS workers, each
// locked to a thread, and a quantum of 10 ms. It returns an error that names the option, the value
// and the range if an option is wrong.
//
// A scheduler holds threads and goroutines until [Scheduler.Close] or [Scheduler.Shutdown].
func New(opts ...Option) (*Scheduler, error) {
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	return &Scheduler{e: engine.New(cfg)}, nil
}

// newConfig returns what opts say, in the form that the engine takes.
func newConfig(opts []Option) (engine.Config, error) {
	c, err := configOf(opts)
	if err != nil {
		return c.Config, err
	}
	switch c.pinning {
	case CPUs:
		if c.CPUs, err = thread.AllowedCPUs(); err != nil {
			return c.Config, fmt.Errorf("scheduler: WithPinning(%v): %w", CPUs, err)
		}
	case Fixed:
		c.Pinning = engine.Fixed
	case None:
		c.Pinning = engine.Unpinned
	}
	c.LogOf = func(st *engine.Stall) []slog.Attr { return stallOf(st).attrs() }
	if f := c.onStall; f != nil {
		c.OnStall = func(st *engine.Stall) { f(stallOf(st)) }
	}
	if c.observer != nil {
		c.Observer = observer{c.observer}
	}
	return c.Config, nil
}

// newDirected is New for package schedtest: see internal/engine/directed.go.
func newDirected(dir rt.Director, opts []Option) (*Scheduler, error) {
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	if cfg.Clock != nil {
		return nil, errors.New("scheduler: WithClock under schedtest: leave it out, because tasks go by the time of the bubble")
	}
	return &Scheduler{e: engine.NewDirected(dir, cfg)}, nil
}

func init() {
	rt.SchedulerOf = func(on any) (rt.Scheduler, bool) {
		s, ok := on.(*Scheduler)
		if !ok {
			return nil, false
		}
		return s.engine().RT(), true
	}
	rt.NewDirected = func(dir rt.Director, opts any) (any, error) {
		return newDirected(dir, opts.([]Option))
	}
}

// notMade is what the methods of a Scheduler panic with that New did not make.
const notMade = "scheduler: a nil or zero Scheduler has no workers: make one with New, and look at the error that it returned"

// engine returns what does the work of s.
func (s *Scheduler) engine() *engine.Scheduler {
	if s == nil || s.e == nil {
		panic(notMade)
	}
	return s.e
}

// reader returns what reads s for people.
func (s *Scheduler) reader() *engine.Reader { return s.engine().Reader() }
