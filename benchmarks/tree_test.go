package benchmarks

import (
	"sync"
	"testing"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// A skynet is a subtree: leaves leaves, beginning with number first.
type skynet struct{ first, leaves int64 }

var skynetFunc *parallel.Func[skynet, int64]

func init() { skynetFunc = parallel.Define(skynetHeddle) }

// BenchmarkSkynet adds up the numbers of a million leaves of a tree. Each node has ten children,
// and there is a fork for each child.
func BenchmarkSkynet(b *testing.B) {
	leaves := int64(under(1_000_000, 100_000))
	sum := leaves * (leaves - 1) / 2
	runOne(b, sequential, 1, loop(func(b *testing.B) { want(b, "sum", skynetSequential(skynet{0, leaves}), sum) }))
	run(b, heddle, tasks(func(b *testing.B, c *task.Ctx) {
		want(b, "sum", skynetFunc.Call(c, skynet{0, leaves}), sum)
	}))
	run(b, goroutines, loop(func(b *testing.B) { want(b, "sum", skynetGoroutines(skynet{0, leaves}, 1), sum) }))
	run(b, goroutines, loop(func(b *testing.B) { want(b, "sum", skynetGoroutines(skynet{0, leaves}, 1000), sum) }), "cutoff=1000")
}

func (s skynet) child(i int) skynet { return skynet{s.first + int64(i)*s.leaves/10, s.leaves / 10} }

func skynetSequential(s skynet) int64 {
	if s.leaves == 1 {
		return s.first
	}
	sum := int64(0)
	for i := range 10 {
		sum += skynetSequential(s.child(i))
	}
	return sum
}

func skynetHeddle(c *task.Ctx, s skynet) int64 {
	if s.leaves == 1 {
		return s.first
	}
	var calls [10]*parallel.Call[skynet, int64]
	for i := range calls {
		calls[i] = skynetFunc.Fork(c, s.child(i))
	}
	sum := int64(0)
	for i := len(calls) - 1; i >= 0; i-- {
		sum += calls[i].Join(c)
	}
	return sum
}

func skynetGoroutines(s skynet, cutoff int64) int64 {
	if s.leaves <= cutoff {
		return skynetSequential(s)
	}
	var sums [10]int64
	var wg sync.WaitGroup
	for i := range sums {
		wg.Go(func() { sums[i] = skynetGoroutines(s.child(i), cutoff) })
	}
	wg.Wait()
	sum := int64(0)
	for _, x := range sums {
		sum += x
	}
	return sum
}

// BenchmarkThreadRing passes a token around a ring of 503 tasks or goroutines. ns/op is one run of
// 100,000 passes. The sequential program passes it on in a loop.
func BenchmarkThreadRing(b *testing.B) {
	const size, passes = 503, 100_000
	runOne(b, sequential, 1, loop(func(b *testing.B) {
		var left [size]int
		left[0] = passes + 1
		i := 0
		for left[i] > 1 {
			next := (i + 1) % size
			left[next], left[i] = left[i]-1, 0
			i = next
		}
		want(b, "last", i+1, passes%size+1)
	}))
	run(b, heddle, tasks(func(b *testing.B, c *task.Ctx) {
		ring := make([]task.Task, size)
		var left [size]int // what each task has been handed; -1 means stop
		last := 0
		for i := range ring {
			ring[i] = c.Go(func(c *task.Ctx) {
				next := (i + 1) % size
				for {
					for left[i] == 0 {
						c.Park()
					}
					n := left[i]
					left[i] = 0
					switch {
					case n < 0: // the run is over
						if next != last {
							left[next] = n
							c.Ready(ring[next])
						}
						return
					case n == 1:
						last = i
						left[next] = -1
						c.Ready(ring[next])
						return
					}
					left[next] = n - 1
					c.Ready(ring[next])
				}
			})
		}
		left[0] = passes + 1
		c.Ready(ring[0])
		for _, t := range ring {
			want(b, "error", t.Wait(), nil)
		}
		want(b, "last", last+1, passes%size+1)
	}))
	run(b, goroutines, loop(func(b *testing.B) {
		var ring [size]chan int
		for i := range ring {
			ring[i] = make(chan int, 1)
		}
		last := 0
		var wg sync.WaitGroup
		for i := range ring {
			wg.Go(func() {
				next := ring[(i+1)%size]
				for n := range ring[i] {
					if n == 1 {
						last = i
						for _, c := range ring {
							close(c)
						}
						return
					}
					next <- n - 1
				}
			})
		}
		ring[0] <- passes + 1
		wg.Wait()
		want(b, "last", last+1, passes%size+1)
	}))
}
