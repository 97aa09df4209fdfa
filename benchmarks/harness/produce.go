package harness

import (
	"sync"
	"testing"
)

// Producers are the values of producers=, besides the one producer of rows without that key.
var Producers = []int{8, 1000}

// Produce runs a benchmark in which producers ordinary goroutines start b.N units together. Each
// has its share of the units. It starts as many at a time as its share of outstanding, each by a
// call of start, and waits for them on wg. The unit must call wg.Done. Before the measurement, the
// producers do the same with one batch, whose size Produce returns.
func Produce(
	b *testing.B,
	producers, outstanding int,
	start func(wg *sync.WaitGroup),
) (first int) {
	first = min(outstanding, b.N)
	produce(first, producers, outstanding, start)
	b.ResetTimer()
	produce(b.N, producers, outstanding, start)
	b.StopTimer()
	return first
}

func produce(units, producers, outstanding int, start func(wg *sync.WaitGroup)) {
	batch := max(1, outstanding/producers)
	one := func(units int) {
		wg := &sync.WaitGroup{}
		for ; units > 0; units -= batch {
			n := min(units, batch)
			wg.Add(n)
			for range n {
				start(wg)
			}
			wg.Wait()
		}
	}
	if producers == 1 {
		one(units) // without a goroutine, as in a loop that one writes by hand
		return
	}
	var all sync.WaitGroup
	for p := range producers {
		all.Go(func() { one(units*(p+1)/producers - units*p/producers) })
	}
	all.Wait()
}
