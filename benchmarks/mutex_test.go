package benchmarks

import (
	"runtime"
	"sync"
	"testing"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// BenchmarkMutex measures one Lock and Unlock. free is one unit alone. contended is 100 units, each
// of which gives way once while it holds the mutex, so that others do queue. busy is 100 units that
// do not give way.
func BenchmarkMutex(b *testing.B) {
	for _, state := range []string{"free", "contended", "busy"} {
		n := 100
		if state == "free" {
			n = 1
		}
		contended := state == "contended"
		share := func(b *testing.B, i int) int { return (b.N + i) / n }
		check := func(b *testing.B, sum int) { b.Helper(); mustEqual(b, "sum", sum, b.N) }
		sum := 0
		run(b, goroutines, func(b *testing.B, workers int) {
			sum = 0
			units(goroutines, func(b *testing.B, start cast) {
				var m sync.Mutex
				for i := range n {
					start(func(*task.Ctx) {
						for range share(b, i) {
							m.Lock()
							sum++
							if contended {
								runtime.Gosched()
							}
							m.Unlock()
						}
					})
				}
			})(b, workers)
			check(b, sum)
		}, "state="+state)
		run(b, heddle, func(b *testing.B, workers int) {
			sum = 0
			units(heddle, func(b *testing.B, start cast) {
				var m tsync.Mutex
				for i := range n {
					start(func(c *task.Ctx) {
						for range share(b, i) {
							m.Lock()
							sum++
							if contended {
								c.Yield()
							}
							m.Unlock()
						}
					})
				}
			})(b, workers)
			check(b, sum)
		}, "state="+state)
	}
}
