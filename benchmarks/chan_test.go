package benchmarks

import (
	"sync"
	"testing"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// A cast starts the units of a benchmark. They are tasks, or goroutines, which get a nil Ctx.
type cast func(unit func(c *task.Ctx))

// units makes a row whose body starts units. The row waits for all of them. Tasks are started from
// inside the scheduler, as real programs do. If they were submitted from outside, the first ones
// would run while the rest still come in.
func units(impl string, body func(b *testing.B, start cast)) row {
	return func(b *testing.B, workers int) {
		if impl == goroutines {
			var wg sync.WaitGroup
			body(b, func(unit func(*task.Ctx)) { wg.Go(func() { unit(nil) }) })
			wg.Wait()
			return
		}
		s := newScheduler(b, workers)
		var fs []func(*task.Ctx)
		body(b, func(unit func(*task.Ctx)) { fs = append(fs, unit) })
		b.ResetTimer()
		err := s.Go(func(c *task.Ctx) {
			ts := make([]task.Task, len(fs))
			for i, f := range fs {
				ts[i] = c.Go(f)
			}
			for _, t := range ts {
				want(b, "error", t.Wait(), nil)
			}
		}).Wait()
		b.StopTimer()
		mustEqual(b, "error", err, nil)
	}
}

// must panics if err is not nil. It is for calls that fail only if the task is cancelled.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// BenchmarkChanPingPong measures one round trip between two units over two unbuffered channels.
func BenchmarkChanPingPong(b *testing.B) {
	run(b, goroutines, units(goroutines, func(b *testing.B, start cast) {
		there, back := make(chan int), make(chan int)
		start(func(*task.Ctx) {
			for range b.N {
				back <- <-there + 1
			}
		})
		start(func(*task.Ctx) {
			for i := range b.N {
				there <- i
				if <-back != i+1 {
					panic("a wrong value came back")
				}
			}
		})
	}))
	run(b, heddle, units(heddle, func(b *testing.B, start cast) {
		there, back := tsync.NewChan[int](0), tsync.NewChan[int](0)
		start(func(c *task.Ctx) {
			for range b.N {
				v, _, err := there.Recv(c)
				must(err)
				must(back.Send(c, v+1))
			}
		})
		start(func(c *task.Ctx) {
			for i := range b.N {
				must(there.Send(c, i))
				if v, _, err := back.Recv(c); err != nil || v != i+1 {
					panic("a wrong value came back")
				}
			}
		})
	}))
}

// BenchmarkChanBuffered measures one item from a producer to a consumer through a buffer of 128.
func BenchmarkChanBuffered(b *testing.B) { stream(b, 1, 128) }

// BenchmarkChanFanIn measures one item from one of 100 producers to one consumer, without a buffer.
func BenchmarkChanFanIn(b *testing.B) { stream(b, 100, 0) }

func stream(b *testing.B, producers, capacity int) {
	share := func(b *testing.B, i int) int { return (b.N + i) / producers }
	sum := func(b *testing.B) int { // the sum of all items
		s := 0
		for i := range producers {
			n := share(b, i)
			s += n * (n - 1) / 2
		}
		return s
	}
	run(b, goroutines, units(goroutines, func(b *testing.B, start cast) {
		ch := make(chan int, capacity)
		start(func(*task.Ctx) {
			got := 0
			for range b.N {
				got += <-ch
			}
			want(b, "sum", got, sum(b))
		})
		for i := range producers {
			start(func(*task.Ctx) {
				for k := range share(b, i) {
					ch <- k
				}
			})
		}
	}))
	run(b, heddle, units(heddle, func(b *testing.B, start cast) {
		ch := tsync.NewChan[int](capacity)
		start(func(c *task.Ctx) {
			got := 0
			for range b.N {
				v, _, err := ch.Recv(c)
				must(err)
				got += v
			}
			want(b, "sum", got, sum(b))
		})
		for i := range producers {
			start(func(c *task.Ctx) {
				for k := range share(b, i) {
					must(ch.Send(c, k))
				}
			})
		}
	}))
}

// BenchmarkThreadRingChan is BenchmarkThreadRing with tsync's channels instead of Park and Ready. A
// token is passed 100,000 times around a ring of 503 units. ns/op is one run.
func BenchmarkThreadRingChan(b *testing.B) {
	const size, passes = 503, 100_000
	run(b, goroutines, loop(func(b *testing.B) {
		var ring [size]chan int
		for i := range ring {
			ring[i] = make(chan int)
		}
		last := 0
		var wg sync.WaitGroup
		for i := range ring {
			wg.Go(func() {
				next := ring[(i+1)%size]
				for n := range ring[i] {
					if n == 1 {
						last = i
						for _, ch := range ring {
							close(ch)
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
	run(b, heddle, tasks(func(b *testing.B, c *task.Ctx) {
		var ring [size]*tsync.Chan[int]
		for i := range ring {
			ring[i] = tsync.NewChan[int](0)
		}
		last := 0
		var wg tsync.WaitGroup
		for i := range ring {
			wg.Go(func() {
				c, _ := task.Current()
				next := ring[(i+1)%size]
				for n := range ring[i].All(c) {
					if n == 1 {
						last = i
						for _, ch := range ring {
							ch.Close()
						}
						return
					}
					must(next.Send(c, n-1))
				}
			})
		}
		must(ring[0].Send(c, passes+1))
		wg.Wait()
		want(b, "last", last+1, passes%size+1)
	}))
}

// BenchmarkSkynetChan is BenchmarkSkynet with one unit for each node. A million of the nodes are
// leaves. Each node sends its sum to its parent over a channel. ns/op is one run.
func BenchmarkSkynetChan(b *testing.B) {
	leaves := int64(under(1_000_000, 100_000))
	sum := leaves * (leaves - 1) / 2
	run(b, goroutines, loop(func(b *testing.B) {
		var node func(s skynet, up chan<- int64)
		node = func(s skynet, up chan<- int64) {
			if s.leaves == 1 {
				up <- s.first
				return
			}
			ch := make(chan int64)
			for i := range 10 {
				go node(s.child(i), ch)
			}
			n := int64(0)
			for range 10 {
				n += <-ch
			}
			up <- n
		}
		ch := make(chan int64)
		go node(skynet{0, leaves}, ch)
		want(b, "sum", <-ch, sum)
	}))
	run(b, heddle, tasks(func(b *testing.B, c *task.Ctx) {
		var node func(c *task.Ctx, s skynet, up *tsync.Chan[int64])
		node = func(c *task.Ctx, s skynet, up *tsync.Chan[int64]) {
			if s.leaves == 1 {
				must(up.Send(c, s.first))
				return
			}
			ch := tsync.NewChan[int64](0)
			for i := range 10 {
				c.Go(func(c *task.Ctx) { node(c, s.child(i), ch) })
			}
			n := int64(0)
			for range 10 {
				v, _, err := ch.Recv(c)
				must(err)
				n += v
			}
			must(up.Send(c, n))
		}
		ch := tsync.NewChan[int64](0)
		c.Go(func(c *task.Ctx) { node(c, skynet{0, leaves}, ch) })
		got, _, err := ch.Recv(c)
		must(err)
		want(b, "sum", got, sum)
	}))
}
