package benchmarks

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

var parked = flag.Int("parked", 100_000, "number of units in BenchmarkMemory/state=parked and BenchmarkCancel")

// BenchmarkMemory reports the memory of one queued or parked unit, while very many units are queued
// or parked.
//
// B/task counts live heap objects after a collection, and stacks (HeapAlloc plus StackInuse). This
// is the memory that the unit keeps the program from using otherwise. It leaves out what allocators
// hold in reserve, because that depends on what ran before. On Linux, rss-B/task is the growth of
// the resident set, reserves included. Neither counts the kernel's stack of each thread.
//
// heap-B/task is the part of B/task that is heap objects. gc-ns/task is the processor time that one
// garbage collection takes for one unit, the least of a few collections.
//
// Queued goroutines have been started and are runnable. Their stack exists from the start, so
// starting them costs no more memory. They keep the processor busy, so there are fewer of them.
// Parked goroutines are blocked on a channel.
func BenchmarkMemory(b *testing.B) {
	for _, state := range []string{"queued", "parked"} {
		// A goroutine's memory does not depend on their number.
		tasks, gs, ts := 1_000_000, 10_000, 200
		if state == "parked" {
			tasks, gs = *parked, *parked
		}
		if testing.Short() {
			tasks, gs = min(tasks, 100_000), min(gs, 100_000)
		}
		if testkit.Race {
			tasks, gs, ts = 1000, 1000, 100
		}
		for _, r := range []struct {
			impl  string
			units int
		}{{goroutines, gs}, {heddle, tasks}, {threads, ts}} {
			if r.impl == threads && state == "queued" {
				continue // a locked goroutine that has not run yet has no thread
			}
			runRow(b, fmt.Sprintf("impl=%s/workers=1/state=%s", r.impl, state), func(b *testing.B) {
				probe(b, "memory", r.impl, state, r.units)
			})
		}
	}
}

// memoryProbe is the child process. Its arguments are impl, state and the number of units.
func memoryProbe(args []string) (map[string]float64, error) {
	runtime.GOMAXPROCS(1)
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return nil, err
	}
	f := memoryGoroutines
	switch args[0] {
	case heddle:
		f = memoryHeddle
	case threads:
		f = func(_ string, n int) (u usage, err error) { return memoryBlocked(n, runtime.LockOSThread) }
	}
	u, err := f(args[1], n)
	if err != nil {
		return nil, err
	}
	m := map[string]float64{"B/task": float64(u.live) / float64(n)}
	if args[0] != threads {
		m["heap-B/task"] = float64(u.heap) / float64(n)
		m["gc-ns/task"] = u.gc * 1e9 / float64(n)
	}
	if u.rss != 0 {
		m["rss-B/task"] = float64(u.rss) / float64(n)
	}
	return m, nil
}

// A usage is an amount of memory in bytes, counted in several ways.
type usage struct {
	live int64   // heap objects and stacks
	heap int64   // heap objects
	rss  int64   // resident set, or 0 if unknown
	gc   float64 // seconds of processor time of one collection (not memory)
}

func readUsage() usage {
	debug.FreeOSMemory() // does a collection first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u := usage{live: int64(m.HeapAlloc + m.StackInuse), heap: int64(m.HeapAlloc), rss: residentSet(), gc: math.Inf(1)}
	for range 5 {
		before := gcTime()
		runtime.GC()
		u.gc = min(u.gc, gcTime()-before)
	}
	return u
}

func gcTime() float64 {
	s := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}}
	metrics.Read(s)
	return s[0].Value.Float64()
}

func (u usage) since(before usage) usage {
	return usage{u.live - before.live, u.heap - before.heap, u.rss - before.rss, u.gc - before.gc}
}

// residentSet returns the resident set of the process in bytes, or 0 if the system does not report
// it as Linux does.
func residentSet() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		return 0
	}
	return resident * int64(os.Getpagesize())
}

// memoryHeddle runs a scheduler with one worker. The measuring task occupies the worker, so all
// other tasks are off it: queued, or parked.
func memoryHeddle(state string, n int) (u usage, err error) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	if err != nil {
		return u, err
	}
	defer func() { _ = s.Close() }()
	var ran atomic.Int64
	err = s.Go(func(c *task.Ctx) {
		counter := &ran // the variable that each closure captures
		var all []task.Task
		if state == "parked" {
			all = make([]task.Task, n)
		}
		before := readUsage()
		for i := range n {
			if state == "queued" {
				c.Go(func(*task.Ctx) { counter.Add(1) })
				continue
			}
			all[i] = c.Go(func(c *task.Ctx) {
				counter.Add(1)
				_ = c.Park()
			})
		}
		if state == "parked" {
			for ran.Load() != int64(n) {
				c.Yield()
			}
		}
		u = readUsage().since(before)
		for _, t := range all {
			c.Ready(t)
		}
		for _, t := range all {
			_ = t.Wait()
		}
	}).Wait()
	if err != nil {
		return u, err
	}
	if err := s.Shutdown(context.Background()); err != nil {
		return u, err
	}
	if got := ran.Load(); got != int64(n) {
		return u, fmt.Errorf("%d of %d tasks ran", got, n)
	}
	return u, nil
}

func memoryGoroutines(state string, n int) (u usage, err error) {
	if state == "parked" {
		return memoryBlocked(n, func() {})
	}
	var begun atomic.Int64
	var release atomic.Bool
	var wg sync.WaitGroup
	before := readUsage()
	wg.Add(n)
	for range n {
		go func() {
			begun.Add(1)
			for !release.Load() {
				runtime.Gosched()
			}
			wg.Done()
		}()
	}
	for begun.Load() != int64(n) {
		runtime.Gosched()
	}
	u = readUsage().since(before)
	release.Store(true)
	wg.Wait()
	return u, nil
}

// memoryBlocked measures goroutines that call setup first and then block.
func memoryBlocked(n int, setup func()) (u usage, err error) {
	gate := make(chan struct{})
	var begun atomic.Int64
	var wg sync.WaitGroup
	before := readUsage()
	wg.Add(n)
	for range n {
		go func() {
			setup()
			begun.Add(1)
			<-gate
			wg.Done()
		}()
	}
	for begun.Load() != int64(n) {
		runtime.Gosched()
	}
	u = readUsage().since(before)
	close(gate)
	wg.Wait()
	return u, nil
}
