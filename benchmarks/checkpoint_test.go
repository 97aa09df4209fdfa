package benchmarks

import (
	"testing"

	"github.com/heddle-go/heddle/task"
)

// BenchmarkCheckpoint measures one checkpoint of a task in a loop that does nothing else, while no
// request to give way comes. The row impl=none is the loop alone.
func BenchmarkCheckpoint(b *testing.B) {
	runOne(b, none, 1, func(b *testing.B, _ int) {
		for range b.N {
		}
	})
	runOne(b, heddle, 1, func(b *testing.B, workers int) {
		s := newScheduler(b, workers)
		err := s.Go(func(c *task.Ctx) {
			b.ResetTimer()
			for range b.N {
				c.Checkpoint()
			}
			b.StopTimer()
		}).Wait()
		mustEqual(b, "error", err, nil)
	})
}
