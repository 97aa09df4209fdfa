package parallel_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// Find stops the work behind the match.
func TestFindStops(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		within(t, s, func(c *task.Ctx) error {
			var looks atomic.Int64
			const n = 1 << 30 // too many to look at all of them in time
			at, err := parallel.Find(c, make([]struct{}, n), func(struct{}) bool { return looks.Add(1) > 1000 })
			if err != nil || at < 0 || looks.Load() > n/4 {
				return fmt.Errorf("at %d, %v, %d looks", at, err, looks.Load())
			}
			return nil
		})
	})
}

// A match takes precedence over the panic of a later element.
func TestFindBeforePanic(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		within(t, s, func(c *task.Ctx) error {
			for range scale(200) {
				xs := numbers(100, 3)
				for i := range xs {
					xs[i] = i
				}
				at, err := parallel.Find(c, xs, func(x int) bool {
					if x == 60 {
						panic(errOops)
					}
					linger(100)
					return x == 40
				}, parallel.WithGrain(1))
				if at != 40 || err != nil {
					return fmt.Errorf("%d, %v", at, err)
				}
			}
			return nil
		})
	})
}
