package parallel_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heddle-go/heddle/internal/balance"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

func TestMain(m *testing.M) {
	balance.Watch()
	goleak.VerifyTestMain(m)
}

var fib *parallel.Func[int, int]

func init() { fib = parallel.Define(fibBody) }

func fibBody(c *task.Ctx, n int) int {
	if n < 2 {
		return n
	}
	x := fib.Fork(c, n-1)
	y := fibBody(c, n-2)
	return x.Join(c) + y
}

func seqFib(n int) int {
	if n < 2 {
		return n
	}
	return seqFib(n-1) + seqFib(n-2)
}

func TestFib(t *testing.T) {
	for _, n := range []int{1, 2, 4, 8, 64} {
		s, err := scheduler.New(scheduler.WithWorkers(n))
		require.NoError(t, err)
		var r int
		require.NoError(t, s.Go(func(c *task.Ctx) { r = fib.Call(c, 25) }).Wait())
		require.Equal(t, 75025, r)
		t.Logf("%d workers: %d stolen", n, s.Stats().Stolen)
		require.NoError(t, s.Close())
	}
}

func BenchmarkFib(b *testing.B) {
	const n = 32
	const forks = 3524577
	b.Run("impl=sequential", func(b *testing.B) {
		for b.Loop() {
			seqFib(n)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/forks, "ns/fork")
	})
	for _, w := range []int{1, 2} {
		b.Run("impl=heddle/workers="+string(rune('0'+w)), func(b *testing.B) {
			b.ReportAllocs()
			s, _ := scheduler.New(scheduler.WithWorkers(w))
			defer s.Close()
			s.Go(func(c *task.Ctx) {
				for b.Loop() {
					fib.Call(c, n)
				}
			}).Wait()
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/forks, "ns/fork")
		})
	}
}
