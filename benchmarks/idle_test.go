package benchmarks

import (
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// BenchmarkIdleCPU reports as %core the processor time that an idle scheduler uses, in per cent of
// one core, over five seconds (half a second with -short). The row of goroutines is a process with
// as many blocked goroutines as workers.
func BenchmarkIdleCPU(b *testing.B) {
	if _, ok := cpuTime(); !ok {
		b.Skip("processor time is not known on this system")
	}
	over := 5 * time.Second
	if testing.Short() {
		over = time.Second / 2
	}
	for _, impl := range []string{goroutines, heddle} {
		for _, workers := range []int{1, 2} {
			runRow(b, fmt.Sprintf("impl=%s/workers=%d", impl, workers), func(b *testing.B) {
				probe(b, "idle", impl, workers, over)
			})
		}
	}
}

// idleProbe is the child process. Its arguments are impl, workers and duration.
func idleProbe(args []string) (map[string]float64, error) {
	workers, err := strconv.Atoi(args[1])
	if err != nil {
		return nil, err
	}
	over, err := time.ParseDuration(args[2])
	if err != nil {
		return nil, err
	}
	runtime.GOMAXPROCS(workers)
	if args[0] == heddle {
		s, err := scheduler.New(scheduler.WithWorkers(workers))
		if err != nil {
			return nil, err
		}
		defer func() { _ = s.Close() }()
		// The scheduler must be idle after some work, not before the first.
		if err := s.Go(func(*task.Ctx) {}).Wait(); err != nil {
			return nil, err
		}
	} else {
		gate := make(chan struct{})
		defer close(gate)
		for range workers {
			go func() { <-gate }()
		}
	}
	time.Sleep(200 * time.Millisecond) // until the process itself is quiet
	before, _ := cpuTime()
	start := time.Now()
	time.Sleep(over)
	after, _ := cpuTime()
	return map[string]float64{"%core": 100 * float64(after-before) / float64(time.Since(start))}, nil
}
