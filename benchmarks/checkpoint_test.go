package benchmarks

import (
	"testing"

	"github.com/heddle-go/heddle/task"
)

// BenchmarkCheckpoint measures a checkpoint of a task that nobody asks to give way, in a loop
// that does nothing else. The loop itself is the row impl=none.
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
