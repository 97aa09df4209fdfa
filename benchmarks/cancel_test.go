package benchmarks

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// BenchmarkCancel cancels -parked units that wait under one context, and reports the processor time
// of the whole process for each of them (cpu-ns/task), from the cancellation until all have ended,
// and the largest resident set until then (peak-B/task). Goroutines wait in a select, for the
// context and for what wait= says: a channel, a timer, or a channel as a member of an errgroup.
func BenchmarkCancel(b *testing.B) {
	for _, wait := range []string{"recv", "sleep", "group"} {
		n := *parked
		if testkit.Race {
			n = 1000
		}
		for _, impl := range []string{goroutines, heddle} {
			runRow(b, fmt.Sprintf("impl=%s/workers=2/wait=%s", impl, wait), func(b *testing.B) {
				probe(b, "cancel", impl, wait, n)
			})
		}
	}
}

// cancelProbe is the child process. Its arguments are impl, wait and the number of units.
func cancelProbe(args []string) (map[string]float64, error) {
	runtime.GOMAXPROCS(2)
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return nil, err
	}
	c := &cancelled{wait: args[1], n: n}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.begun.Add(n)
	c.ended.Add(n)
	if args[0] == heddle {
		return c.heddle()
	}
	return c.goroutines()
}

// A cancelled is one run of cancelProbe.
type cancelled struct {
	wait         string
	n            int
	ctx          context.Context
	cancel       context.CancelFunc
	begun, ended sync.WaitGroup
}

// measure cancels the units when they wait, which waiting reports. Goroutines do not tell, but they
// wait long before the collections have ended.
func (c *cancelled) measure(waiting func() bool) (map[string]float64, error) {
	c.begun.Wait()
	for !waiting() {
		runtime.Gosched()
	}
	runtime.GC()
	runtime.GC()
	before, ok := cpuTime()
	c.cancel()
	c.ended.Wait()
	after, _ := cpuTime()
	if !ok {
		return nil, fmt.Errorf("the system does not report the processor time")
	}
	peak, err := peakSet()
	return map[string]float64{
		"cpu-ns/task": float64(after-before) / float64(c.n),
		"peak-B/task": float64(peak) / float64(c.n),
	}, err
}

func (c *cancelled) goroutines() (map[string]float64, error) {
	ch := make(chan int)
	unit := func(ctx context.Context) error {
		c.begun.Done()
		defer c.ended.Done()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ch:
			return nil
		}
	}
	switch c.wait {
	case "recv":
		for range c.n {
			go func() { _ = unit(c.ctx) }()
		}
	case "sleep":
		for range c.n {
			go func() {
				c.begun.Done()
				defer c.ended.Done()
				t := time.NewTimer(time.Hour)
				defer t.Stop()
				select {
				case <-c.ctx.Done():
				case <-t.C:
				}
			}()
		}
	case "group":
		g, ctx := errgroup.WithContext(c.ctx)
		for range c.n {
			g.Go(func() error { return unit(ctx) })
		}
	}
	return c.measure(func() bool { return true })
}

func (c *cancelled) heddle() (map[string]float64, error) {
	s, err := scheduler.New(scheduler.WithWorkers(2))
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }()
	ch := tsync.NewChan[int](0)
	unit := func(t *task.Ctx) error {
		c.begun.Done()
		defer c.ended.Done()
		if c.wait == "sleep" {
			return t.Sleep(time.Hour)
		}
		_, _, err := ch.Recv(t)
		return err
	}
	if c.wait == "group" {
		g, _ := task.NewGroupContext(c.ctx, s)
		for range c.n {
			g.Go(unit)
		}
	} else {
		for range c.n {
			s.GoContext(c.ctx, func(t *task.Ctx) { _ = unit(t) })
		}
	}
	return c.measure(func() bool { return s.Stats().Waiting == c.n })
}
