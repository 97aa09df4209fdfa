package benchmarks

import (
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// BenchmarkCalls lets 200 tasks make 20 blocking calls each and yield 100 times after each call.
// The baseline of its ratio is 200 goroutines that simply make the calls and call runtime.Gosched
// as often. The called function returns at once, or sleeps for some time, or does each of these in
// turn, or opens and reads a file from the file cache.
func BenchmarkCalls(b *testing.B) {
	file := filepath.Join(b.TempDir(), "file")
	if err := os.WriteFile(file, make([]byte, 4096), 0o600); err != nil {
		b.Fatal(err)
	}
	lengths := []time.Duration{0, 10 * time.Microsecond, 100 * time.Microsecond, time.Millisecond}
	calls := []struct {
		name string
		call func(i int)
	}{{"mixed", func(i int) { blockFor(lengths[i%len(lengths)]) }}, {"read", func(int) {
		if _, err := os.ReadFile(file); err != nil {
			b.Error(err)
		}
	}}}
	for _, d := range lengths {
		calls = append(calls, struct {
			name string
			call func(i int)
		}{d.String(), func(int) { blockFor(d) }})
	}
	for _, x := range calls {
		for _, p := range []scheduler.Pinning{scheduler.Threads, scheduler.None} {
			keys := []string{key("call", x.name), "against=calls"}
			if p != scheduler.Threads {
				keys = append([]string{key("pinning", p)}, keys...)
			}
			run(b, heddle, func(b *testing.B, workers int) {
				s := newScheduler(b, workers, scheduler.WithPinning(p))
				paired(b, func() { callsGoroutines(x.call) }, func() { callsHeddle(b, s, x.call) })
			}, keys...)
		}
	}
}

const callsEach, yieldsEach = 20, 100

// callers returns the number of units that make calls.
func callers() int {
	if testing.Short() {
		return 40
	}
	return 200
}

func callsHeddle(b *testing.B, s *scheduler.Scheduler, call func(i int)) {
	err := s.Go(func(c *task.Ctx) {
		g := task.NewGroup(c)
		for i := range callers() {
			g.Go(func(c *task.Ctx) error {
				for j := range callsEach {
					if err := c.Blocking(func() { call(i + j) }); err != nil {
						return err
					}
					for range yieldsEach {
						c.Yield()
					}
				}
				return nil
			})
		}
		want(b, "error", g.Wait(), nil)
	}).Wait()
	want(b, "error", err, nil)
}

func callsGoroutines(call func(i int)) {
	var wg sync.WaitGroup
	for i := range callers() {
		wg.Go(func() {
			for j := range callsEach {
				call(i + j)
				for range yieldsEach {
					runtime.Gosched()
				}
			}
		})
	}
	wg.Wait()
}
