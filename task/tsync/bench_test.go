package tsync_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// bench runs a benchmark as impl with 1 and 2 workers and as many Ps. start starts one of its units: a task or
// a goroutine, which is given a nil Ctx.
func bench(b *testing.B, impl string, body func(b *testing.B, start func(func(c *task.Ctx))), keys ...string) {
	for _, n := range []int{1, 2} {
		name := fmt.Sprintf("impl=%s/workers=%d", impl, n)
		for _, k := range keys {
			name += "/" + k
		}
		b.Run(name, func(b *testing.B) {
			old := runtime.GOMAXPROCS(n)
			defer runtime.GOMAXPROCS(old)
			b.ReportAllocs()
			if impl == "goroutines" {
				var wg sync.WaitGroup
				body(b, func(f func(*task.Ctx)) { wg.Go(func() { f(nil) }) })
				wg.Wait()
				return
			}
			s, err := scheduler.New(scheduler.WithWorkers(n))
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			// From inside, as programs do: what is submitted from outside starts while it is.
			var ts []task.Task
			var fs []func(*task.Ctx)
			body(b, func(f func(*task.Ctx)) { fs = append(fs, f) })
			err = s.Go(func(c *task.Ctx) {
				for _, f := range fs {
					ts = append(ts, c.Go(f))
				}
				for _, t := range ts {
					_ = t.Join(c)
				}
			}).Wait()
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}

// must is for errors that only a cancellation could cause.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// BenchmarkChanPingPong measures one round trip over two unbuffered channels.
func BenchmarkChanPingPong(b *testing.B) {
	bench(b, "goroutines", func(b *testing.B, start func(func(*task.Ctx))) {
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
	})
	bench(b, "heddle", func(b *testing.B, start func(func(*task.Ctx))) {
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
	})
}

// BenchmarkChanBuffered measures one item from a producer to a consumer through a buffer of 128.
func BenchmarkChanBuffered(b *testing.B) { benchStream(b, 1, 128) }

// BenchmarkChanFanIn measures one item from one of 100 producers to one consumer, unbuffered.
func BenchmarkChanFanIn(b *testing.B) { benchStream(b, 100, 0) }

func benchStream(b *testing.B, producers, capacity int) {
	bench(b, "goroutines", func(b *testing.B, start func(func(*task.Ctx))) {
		share := func(i int) int { return (b.N + i) / producers }
		ch := make(chan int, capacity)
		start(func(*task.Ctx) {
			for range b.N {
				<-ch
			}
		})
		for i := range producers {
			start(func(*task.Ctx) {
				for k := range share(i) {
					ch <- k
				}
			})
		}
	})
	bench(b, "heddle", func(b *testing.B, start func(func(*task.Ctx))) {
		share := func(i int) int { return (b.N + i) / producers }
		ch := tsync.NewChan[int](capacity)
		start(func(c *task.Ctx) {
			for range b.N {
				_, _, err := ch.Recv(c)
				must(err)
			}
		})
		for i := range producers {
			start(func(c *task.Ctx) {
				for k := range share(i) {
					must(ch.Send(c, k))
				}
			})
		}
	})
}

// BenchmarkSelect measures one item from one of four producers, each with an unbuffered channel of its own, to one
// consumer that selects.
func BenchmarkSelect(b *testing.B) {
	bench(b, "goroutines", func(b *testing.B, start func(func(*task.Ctx))) {
		var chs [4]chan int
		for i := range chs {
			chs[i] = make(chan int)
			start(func(*task.Ctx) {
				for k := range (b.N + i) / 4 {
					chs[i] <- k
				}
			})
		}
		start(func(*task.Ctx) {
			for range b.N {
				select {
				case <-chs[0]:
				case <-chs[1]:
				case <-chs[2]:
				case <-chs[3]:
				}
			}
		})
	})
	bench(b, "heddle", func(b *testing.B, start func(func(*task.Ctx))) {
		var cases [4]tsync.Case
		for i := range cases {
			ch := tsync.NewChan[int](0)
			cases[i] = ch.RecvCase()
			start(func(c *task.Ctx) {
				for k := range (b.N + i) / 4 {
					must(ch.Send(c, k))
				}
			})
		}
		start(func(c *task.Ctx) {
			for range b.N {
				_, err := tsync.Select(c, cases[:]...)
				must(err)
			}
		})
	})
}

// BenchmarkMutex measures one Lock and Unlock: free, by one unit; contended, by 100 units, each of which gives way once
// while it holds the mutex, so that others do queue; busy, by 100 that do not.
func BenchmarkMutex(b *testing.B) {
	for _, state := range []string{"free", "contended", "busy"} {
		units := 100
		if state == "free" {
			units = 1
		}
		bench(b, "goroutines", func(b *testing.B, start func(func(*task.Ctx))) {
			var m sync.Mutex
			for i := range units {
				start(func(*task.Ctx) {
					for range (b.N + i) / units {
						m.Lock()
						if state == "contended" {
							runtime.Gosched()
						}
						m.Unlock()
					}
				})
			}
		}, "state="+state)
		bench(b, "heddle", func(b *testing.B, start func(func(*task.Ctx))) {
			var m tsync.Mutex
			for i := range units {
				start(func(c *task.Ctx) {
					for range (b.N + i) / units {
						must(m.Lock(c))
						if state == "contended" {
							c.Yield()
						}
						m.Unlock()
					}
				})
			}
		}, "state="+state)
	}
}
