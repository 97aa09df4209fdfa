package deque

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// item is an element of tests and benchmarks. The pointer field keeps it out of the allocator's
// blocks of tiny objects, whose members live and die together.
type item struct {
	id int
	_  *item
}

// BenchmarkPushPop reports one push and one pop by the owner, without thieves. depth is the number
// of elements that are pushed before they are popped. The loops count to b.N in steps of depth, so
// that an op is one element at every depth.
func BenchmarkPushPop(b *testing.B) {
	x := new(item)
	for _, depth := range []int{1, 32} {
		b.Run(fmt.Sprintf("flavour=private/depth=%d", depth), func(b *testing.B) {
			var o Owner[item]
			o.Init(LIFO, 0)
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += depth {
				for range depth {
					if !o.TryPushPrivate(x) {
						o.PushPrivate(x)
					}
				}
				for range depth {
					if o.PopPrivate() == nil {
						o.Pop()
					}
				}
			}
		})
		b.Run(fmt.Sprintf("flavour=private-if/depth=%d", depth), func(b *testing.B) {
			var o Owner[item]
			o.Init(LIFO, 0)
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += depth {
				for range depth {
					if !o.TryPushPrivate(x) {
						o.PushPrivate(x)
					}
				}
				for range depth {
					if !o.PopPrivateIf(x) {
						o.Pop()
					}
				}
			}
		})
		for _, f := range []Flavour{LIFO, FIFO} {
			b.Run(fmt.Sprintf("flavour=%v/depth=%d", f, depth), func(b *testing.B) {
				var o Owner[item]
				o.Init(f, 0)
				b.ReportAllocs()
				b.ResetTimer()
				for n := 0; n < b.N; n += depth {
					for range depth {
						o.Push(x)
					}
					for range depth {
						o.Pop()
					}
				}
			})
		}
		b.Run(fmt.Sprintf("flavour=chan/depth=%d", depth), func(b *testing.B) {
			c := make(chan *item, depth)
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += depth {
				for range depth {
					c <- x
				}
				for range depth {
					<-c
				}
			}
		})
	}
}

// BenchmarkSteal reports one element that is pushed and then stolen. The thief runs on the owner's
// goroutine, so there is no contention.
func BenchmarkSteal(b *testing.B) {
	x := new(item)
	for _, f := range []Flavour{LIFO, FIFO} {
		b.Run(fmt.Sprintf("flavour=%v/batch=1", f), func(b *testing.B) {
			o := New[item](f, 0)
			v := o.Thief()
			b.ReportAllocs()
			for b.Loop() {
				o.Push(x)
				v.Steal()
			}
		})
		b.Run(fmt.Sprintf("flavour=%v/batch=32", f), func(b *testing.B) {
			o, dst := New[item](f, 0), New[item](f, 0)
			v := o.Thief()
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += 64 {
				for range 64 {
					o.Push(x)
				}
				for !v.Empty() {
					v.StealBatch(dst, 32)
					for dst.Pop() != nil {
					}
				}
			}
		})
	}
}

// BenchmarkContended reports one element that the owner pushes and that the owner or one thief
// takes. The thief steals without pause.
func BenchmarkContended(b *testing.B) {
	x := new(item)
	for _, f := range []Flavour{LIFO, FIFO} {
		b.Run(fmt.Sprintf("flavour=%v/thieves=1", f), func(b *testing.B) {
			o := New[item](f, 0)
			v := o.Thief()
			var stop atomic.Bool
			var thief sync.WaitGroup
			var stolen int
			thief.Go(func() {
				for !stop.Load() {
					if _, out := v.Steal(); out == Stolen {
						stolen++
					}
				}
			})
			b.ReportAllocs()
			for b.Loop() {
				o.Push(x)
				o.Push(x)
				o.Pop()
				o.Pop()
			}
			stop.Store(true)
			thief.Wait()
			b.ReportMetric(float64(stolen)/float64(b.N), "stolen/op")
		})
	}
}

// BenchmarkGrow reports the pushes and pops of 10,000 elements on a deque that starts with the
// given capacity.
func BenchmarkGrow(b *testing.B) {
	x := new(item)
	const elements = 10_000
	for _, capacity := range []int{2, DefaultCapacity, 16384} {
		b.Run(fmt.Sprintf("flavour=FIFO/capacity=%d", capacity), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				o := New[item](FIFO, capacity)
				for range elements {
					o.Push(x)
				}
				for o.Pop() != nil {
				}
			}
		})
	}
}
