package benchmarks

import (
	"testing"
	"time"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

func TestZZ(t *testing.T) {
	for range 6 {
		testing.Benchmark(func(b *testing.B) {
			if b.N < 1000 { return }
			setProcs(b, 2)
			s := newScheduler(b, 2)
			there, back := tsync.NewChan[int](0), tsync.NewChan[int](0)
			start := time.Now()
			s.Go(func(c *task.Ctx) {
				x := c.Go(func(c *task.Ctx) {
					for range b.N {
						v, _, _ := there.Recv(c)
						back.Send(c, v+1)
					}
				})
				for i := range b.N {
					there.Send(c, i)
					back.Recv(c)
				}
				x.Join(c)
			}).Wait()
			el := time.Since(start)
			finished(b, s)
			t.Logf("%d %d ns %+v", b.N, el.Nanoseconds()/int64(b.N), s.Stats())
		})
	}
}
