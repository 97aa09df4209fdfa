package benchmarks

import (
	"testing"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// BenchmarkSelect measures one item from one of four producers to one consumer that selects. Each
// producer has an unbuffered channel of its own. Heddle's cases are made once. With cases=loop they
// are made for each select, as in a program that writes its select statement in a loop.
func BenchmarkSelect(b *testing.B) {
	share := func(b *testing.B, i int) int { return (b.N + i) / 4 }
	run(b, goroutines, units(goroutines, func(b *testing.B, start cast) {
		var chs [4]chan int
		for i := range chs {
			chs[i] = make(chan int)
			start(func(*task.Ctx) {
				for k := range share(b, i) {
					chs[i] <- k
				}
			})
		}
		start(func(*task.Ctx) {
			var got [4]int
			for range b.N {
				select {
				case <-chs[0]:
					got[0]++
				case <-chs[1]:
					got[1]++
				case <-chs[2]:
					got[2]++
				case <-chs[3]:
					got[3]++
				}
			}
			for i, n := range got {
				want(b, "items", n, share(b, i))
			}
		})
	}))
	run(b, heddle, units(heddle, func(b *testing.B, start cast) {
		var got [4]int
		var cases [4]tsync.Case
		for i := range cases {
			ch := tsync.NewChan[int](0)
			cases[i] = tsync.OnRecv(ch, func(int, bool) { got[i]++ })
			start(func(c *task.Ctx) {
				for k := range share(b, i) {
					must(ch.Send(c, k))
				}
			})
		}
		start(func(c *task.Ctx) {
			for range b.N {
				_, err := tsync.Select(c, cases[:]...)
				must(err)
			}
			for i, n := range got {
				want(b, "items", n, share(b, i))
			}
		})
	}))
	run(b, heddle, units(heddle, func(b *testing.B, start cast) {
		var chs [4]*tsync.Chan[int]
		for i := range chs {
			chs[i] = tsync.NewChan[int](0)
			start(func(c *task.Ctx) {
				for k := range share(b, i) {
					must(chs[i].Send(c, k))
				}
			})
		}
		start(func(c *task.Ctx) {
			var got [4]int
			for range b.N {
				_, err := tsync.Select(c,
					tsync.OnRecv(chs[0], func(int, bool) { got[0]++ }),
					tsync.OnRecv(chs[1], func(int, bool) { got[1]++ }),
					tsync.OnRecv(chs[2], func(int, bool) { got[2]++ }),
					tsync.OnRecv(chs[3], func(int, bool) { got[3]++ }))
				must(err)
			}
			for i, n := range got {
				want(b, "items", n, share(b, i))
			}
		})
	}), "cases=loop")
}
