package benchmarks

import (
	"testing"
	"time"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// lookingUnits is how many tasks, or round trips, one run has.
func lookingUnits() int {
	if testkit.Race {
		return 2000
	}
	return under(200_000, 2000)
}

// lookingOptions are what a scheduler can be asked to note.
var lookingOptions = []struct {
	name string
	opts []scheduler.Option
}{
	{"nothing", nil}, // shows how far the measurement itself scatters
	{"latencies-sampled", []scheduler.Option{scheduler.WithLatencies(scheduler.Sampled)}},
	{"latencies-exact", []scheduler.Option{scheduler.WithLatencies(scheduler.Exact)}},
	{"observer", []scheduler.Option{scheduler.WithObserver(scheduler.NoObserver{})}},
	{"waits", []scheduler.Option{scheduler.WithWaits()}},
	{"sites", []scheduler.Option{scheduler.WithWaits(), scheduler.WithSites()}},
	{"wait-profile-1us", []scheduler.Option{scheduler.WithWaitProfile(time.Microsecond)}},
	{"name-labels", []scheduler.Option{scheduler.WithNameLabels()}},
	{"trace-tasks-no-tracer", []scheduler.Option{scheduler.WithTraceTasks()}},
	{"dispatch-ring", []scheduler.Option{scheduler.WithDispatchRing(1000)}},
}

// BenchmarkLooking shows what an option that notes something costs: the ratio of the same program
// with the option to it without, in time and in processor time (cpu-ratio). ns/op is one run.
//
// op=spawn: 200,000 empty tasks with a name, in batches of 1,000.
//
// op=wait: two tasks send 200,000 values back and forth over two unbuffered channels.
func BenchmarkLooking(b *testing.B) {
	for _, o := range lookingOptions {
		looking(b, o.name, "spawn", o.opts, lookingSpawn)
		looking(b, o.name, "wait", o.opts, lookingWait)
	}
}

func looking(
	b *testing.B, name, op string, opts []scheduler.Option,
	program func(b *testing.B, s *scheduler.Scheduler),
) {
	run(b, heddle, func(b *testing.B, workers int) {
		with, without := newScheduler(b, workers, opts...), newScheduler(b, workers)
		versus(b, side{heddle, func() measures { return timedAndCPU(func() { program(b, with) }) }},
			side{"off", func() measures { return timedAndCPU(func() { program(b, without) }) }})
	}, key("option", name), key("op", op), "against=off")
}

// timedAndCPU measures the time of f, and the processor time of the process meanwhile.
func timedAndCPU(f func()) measures {
	start, cpu := time.Now(), processorTime()
	f()
	return measures{measureTime: float64(time.Since(start)), "cpu": max(1, processorTime()-cpu)}
}

func lookingSpawn(b *testing.B, s *scheduler.Scheduler) {
	const batch = 1000
	name := task.Name("unit")
	err := s.Go(func(c *task.Ctx) {
		j := &join{parent: c.Task()}
		for range lookingUnits() / batch {
			j.left.Store(batch)
			for range batch {
				c.Go(func(c *task.Ctx) { j.done(c) }, name)
			}
			j.wait(c)
		}
	}).Wait()
	mustEqual(b, "error", err, nil)
}

func lookingWait(b *testing.B, s *scheduler.Scheduler) {
	there, back := tsync.NewChan[int](0), tsync.NewChan[int](0)
	echo := s.Go(func(c *task.Ctx) {
		for v := range there.All(c) {
			_ = back.Send(c, v) // fails only if the task is cancelled; a missing answer shows below
		}
	})
	n, sum := lookingUnits(), 0
	err := s.Go(func(c *task.Ctx) {
		for i := range n {
			_ = there.Send(c, i)
			v, _, _ := back.Recv(c)
			sum += v
		}
		there.Close()
	}).Wait()
	mustEqual(b, "error", err, nil)
	mustEqual(b, "error", echo.Wait(), nil)
	mustEqual(b, "answers", sum, n*(n-1)/2)
}
