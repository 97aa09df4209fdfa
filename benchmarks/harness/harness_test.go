package harness

import (
	"sync"
	"sync/atomic"
	"testing"
)

// TestProduce checks that the producers start all units together, each unit once, and never more at
// a time than outstanding= says.
func TestProduce(t *testing.T) {
	for _, producers := range []int{1, 3, 20} {
		for _, units := range []int{1, 19, 1000} {
			const outstanding = 12
			var started, running, most atomic.Int64
			var ran sync.WaitGroup
			produce(units, producers, outstanding, func(wg *sync.WaitGroup) {
				started.Add(1)
				n := running.Add(1)
				for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
				}
				ran.Go(func() {
					running.Add(-1)
					wg.Done()
				})
			})
			ran.Wait()
			if n := started.Load(); n != int64(units) {
				t.Errorf("%d producers: %d units started, want %d", producers, n, units)
			}
			// Each producer starts at least one unit at a time.
			if n := most.Load(); n > int64(max(outstanding, producers)) {
				t.Errorf(
					"%d producers: %d units ran at a time, want at most %d",
					producers,
					n,
					outstanding,
				)
			}
		}
	}
}

// TestBatches checks that the batches add up to b.N, after one batch more.
func TestBatches(t *testing.T) {
	var sizes []int
	first := 0
	r := testing.Benchmark(func(b *testing.B) {
		sizes = nil
		first = Batches(b, 7, func(k int) { sizes = append(sizes, k) })
	})
	sum := 0
	for _, k := range sizes {
		if k > 7 {
			t.Fatalf("a batch of %d, want at most 7", k)
		}
		sum += k
	}
	if sum != r.N+first {
		t.Errorf("the batches have %d units, want %d and %d", sum, r.N, first)
	}
}

// TestSteps checks the chain, which the programs of other languages compute too, and that the files
// are the same in every run.
func TestSteps(t *testing.T) {
	if got := Steps(1, 3); got != (func() uint64 {
		const a, c = 6364136223846793005, 1442695040888963407
		x := uint64(1)
		x = (x^x>>32)*a + c
		x = (x^x>>32)*a + c
		return (x^x>>32)*a + c
	})() {
		t.Errorf("Steps(1, 3) is %d", got)
	}
	files := SourceFiles(2)
	if files[0] == files[1] || EncodeFile(files[0]) != EncodeFile(SourceFiles(1)[0]) {
		t.Error("SourceFiles makes the same file twice, or another file in another run")
	}
}
