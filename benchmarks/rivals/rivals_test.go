package rivals

import (
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/alitto/pond/v2"
	"github.com/bytedance/gopkg/util/gopool"
	"github.com/gammazero/workerpool"
	"github.com/panjf2000/ants/v2"
	"github.com/sourcegraph/conc"
	"github.com/sourcegraph/conc/iter"
	"github.com/sourcegraph/conc/pool"
	"golang.org/x/sync/errgroup"

	"github.com/heddle-go/heddle/benchmarks/harness"
)

// spawnOutstanding are the values of outstanding= that heddle's rows have too. All four would take
// long and say little more.
var spawnOutstanding = []int{100, batch}

// batch is the number of units in a batch, as in heddle's rows.
const batch = 10_000

// A starter is a pool of a library: start starts a unit, and stop ends the pool.
type starter struct {
	start func(unit func())
	stop  func()
}

// pools makes the pools for Submit and Files, by the names that the rows have for them. style is
// empty for a library with one row.
var pools = []struct {
	impl, style string
	make        func(workers int) starter
}{
	{"pond", "", func(workers int) starter {
		p := pond.NewPool(workers)
		return starter{func(unit func()) { check(p.Go(unit)) }, p.StopAndWait}
	}},
	{"ants", "limit", func(workers int) starter { return antsPool(workers) }},
	{"ants", "free", func(int) starter { return antsPool(-1) }},
	{"conc", "", func(workers int) starter {
		p := pool.New().WithMaxGoroutines(workers)
		return starter{p.Go, p.Wait}
	}},
	{"workerpool", "", func(workers int) starter {
		p := workerpool.New(workers)
		return starter{p.Submit, p.StopWait}
	}},
	{"gopool", "limit", func(workers int) starter {
		return starter{gopool.NewPool("rivals", int32(workers), gopool.NewConfig()).Go, func() {}}
	}},
	{"gopool", "free", func(int) starter { return starter{gopool.Go, func() {}} }},
	{"errgroup", "", func(int) starter {
		var g errgroup.Group
		return starter{func(unit func()) {
			g.Go(func() error {
				unit()
				return nil
			})
		}, func() { check(g.Wait()) }}
	}},
}

func antsPool(size int) starter {
	p, err := ants.NewPool(size)
	check(err)
	return starter{func(unit func()) { check(p.Submit(unit)) }, p.Release}
}

// check panics if a pool has refused a unit, which none may do here.
func check(err error) {
	if err != nil {
		panic(err)
	}
}

func keys(style string, keys ...string) []string {
	if style != "" {
		keys = append(keys, harness.Key("style", style))
	}
	return keys
}

// BenchmarkSubmit is BenchmarkSubmit of package benchmarks.
func BenchmarkSubmit(b *testing.B) {
	submit := func(outstanding, producers int, names ...string) {
		for _, p := range pools {
			harness.Run(b, p.impl, func(b *testing.B, workers int) {
				s := p.make(workers)
				defer s.stop()
				harness.Produce(
					b,
					producers,
					outstanding,
					func(wg *sync.WaitGroup) { s.start(func() { wg.Done() }) },
				)
			}, keys(p.style, names...)...)
		}
		runNative(
			b,
			"Submit",
			[]string{harness.Key("outstanding", outstanding), harness.Key("producers", producers)},
			names...)
	}
	for _, n := range spawnOutstanding {
		submit(n, 1, harness.Key("outstanding", n))
	}
	for _, p := range harness.Producers {
		submit(batch, p, harness.Key("outstanding", batch), harness.Key("producers", p))
	}
}

// BenchmarkSpawn is BenchmarkSpawn of package benchmarks.
func BenchmarkSpawn(b *testing.B) {
	for _, outstanding := range spawnOutstanding {
		names := []string{harness.Key("outstanding", outstanding)}
		row := func(impl string, start func(unit func()), inside func(f func())) {
			harness.Run(b, impl, func(b *testing.B, _ int) {
				inside(func() {
					var wg sync.WaitGroup
					harness.Batches(b, outstanding, func(n int) {
						wg.Add(n)
						for range n {
							start(func() { wg.Done() })
						}
						wg.Wait()
					})
				})
			}, names...)
		}
		inUnit := func(start func(unit func())) func(f func()) {
			return func(f func()) {
				ended := make(chan struct{})
				start(func() {
					f()
					close(ended)
				})
				<-ended
			}
		}
		row("gopool", gopool.Go, inUnit(gopool.Go))
		free := antsPool(-1)
		row("ants", free.start, inUnit(free.start))
		free.stop()
		harness.Run(b, "conc", func(b *testing.B, _ int) {
			harness.Batches(b, outstanding, func(n int) {
				var wg conc.WaitGroup
				for range n {
					wg.Go(func() {})
				}
				wg.Wait()
			})
		}, names...)
		harness.Run(b, "errgroup", func(b *testing.B, _ int) {
			harness.Batches(b, outstanding, func(n int) {
				var g errgroup.Group
				for range n {
					g.Go(func() error { return nil })
				}
				check(g.Wait())
			})
		}, names...)
		runNative(b, "Spawn", names, names...)
	}
}

// BenchmarkFiles is BenchmarkFiles of package benchmarks, with a unit for each item. Only loops of
// the libraries run the shortest body.
func BenchmarkFiles(b *testing.B) {
	files := sync.OnceValue(func() []string { return harness.SourceFiles(150) })
	sums := sync.OnceValue(func() (xs []uint32) {
		for _, f := range files() {
			xs = append(xs, harness.EncodeFile(f))
		}
		return xs
	})
	eachFile := func(each func(workers, n int, body func(i int))) harness.Row {
		return func(b *testing.B, workers int) {
			sums() // outside of the measurement
			for b.Loop() {
				got := make([]uint32, len(files()))
				each(workers, len(got), func(i int) { got[i] = harness.EncodeFile(files()[i]) })
				want(b, "files are right", slices.Equal(got, sums()), true)
			}
		}
	}
	eachInt := func(n, steps int, each func(workers, n int, body func(i int))) harness.Row {
		total := sync.OnceValue(func() (sum uint64) {
			for i := range n {
				sum += harness.Steps(uint64(i), steps)
			}
			return sum
		})
		return func(b *testing.B, workers int) {
			out := make([]uint64, n)
			want := func() {
				sum := uint64(0)
				for i, v := range out {
					sum += v
					out[i] = 0
				}
				want(b, "sum", sum, total())
			}
			total()
			for b.Loop() {
				each(workers, n, func(i int) { out[i] = harness.Steps(uint64(i), steps) })
				want()
			}
		}
	}
	us, ns := harness.StepsPerMicrosecond, harness.StepsPerMicrosecond/10
	for _, p := range append(slices.Clone(loops), loopsOfPools()...) {
		harness.Run(b, p.impl, eachFile(p.each), keys(p.style, "body=file")...)
		harness.Run(b, p.impl, eachInt(50_000, us, p.each), keys(p.style, "body=1us")...)
	}
	for _, p := range loops {
		harness.Run(b, p.impl, eachInt(500_000, ns, p.each), keys(p.style, "body=100ns")...)
	}
	runNative(
		b, "Files", []string{harness.Key("items", 50_000), harness.Key("steps", us)}, "body=1us",
	)
	runNative(
		b, "Files", []string{harness.Key("items", 500_000), harness.Key("steps", ns)}, "body=100ns",
	)
}

// An eacher calls body for each index below n, and returns when all calls have returned.
type eacher struct {
	impl, style string
	each        func(workers, n int, body func(i int))
}

// loops are what libraries offer for loops.
var loops = []eacher{{"conc", "", func(workers, n int, body func(i int)) {
	iter.Iterator[struct{}]{
		MaxGoroutines: workers,
	}.ForEachIdx(
		make([]struct{}, n),
		func(i int, _ *struct{}) { body(i) },
	)
}}}

// loopsOfPools makes a unit of each index.
func loopsOfPools() (es []eacher) {
	es = append(es, eacher{"errgroup", "", func(workers, n int, body func(i int)) {
		var g errgroup.Group
		g.SetLimit(workers)
		for i := range n {
			g.Go(func() error {
				body(i)
				return nil
			})
		}
		check(g.Wait())
	}})
	for _, p := range pools {
		if p.impl == "errgroup" || p.impl == "conc" {
			continue // they have other means for it, above
		}
		es = append(es, eacher{p.impl, p.style, func(workers, n int, body func(i int)) {
			s := p.make(workers)
			var wg sync.WaitGroup
			wg.Add(n)
			for i := range n {
				s.start(func() {
					body(i)
					wg.Done()
				})
			}
			wg.Wait()
			s.stop()
		}})
	}
	return es
}

// fibs maps n to fib(n).
var fibs = map[int]int{27: 196_418, 35: 9_227_465}

// BenchmarkFib is BenchmarkFib of package benchmarks, with a fork for each addition.
func BenchmarkFib(b *testing.B) {
	row := func(impl string, fib func(n int) int) {
		harness.Run(b, impl, func(b *testing.B, _ int) {
			for b.Loop() {
				want(b, "fib", fib(27), fibs[27])
			}
		}, "n=27")
	}
	row("conc", fibConc)
	row("errgroup", fibErrgroup)
	for _, n := range []int{27, 35} {
		name := harness.Key("n", n)
		runNative(b, "Fib", []string{name, harness.Key("value", fibs[n])}, name)
	}
}

func fibConc(n int) int {
	if n < 2 {
		return n
	}
	var x int
	var wg conc.WaitGroup
	wg.Go(func() { x = fibConc(n - 1) })
	y := fibConc(n - 2)
	wg.Wait()
	return x + y
}

func fibErrgroup(n int) int {
	if n < 2 {
		return n
	}
	var x int
	var g errgroup.Group
	g.Go(func() error {
		x = fibErrgroup(n - 1)
		return nil
	})
	y := fibErrgroup(n - 2)
	check(g.Wait())
	return x + y
}

// BenchmarkSort is BenchmarkSort of package benchmarks. Only libraries of other languages sort in
// parallel.
func BenchmarkSort(b *testing.B) {
	runNative(b, "Sort", []string{harness.Key("items", 10_000_000)})
}

// want fails the benchmark if got is not want.
func want[T comparable](b *testing.B, what string, got, want T) {
	b.Helper()
	if got != want {
		b.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// TestPools checks that each pool runs each unit once, from one producer and from several, and that
// each loop calls each index once.
func TestPools(t *testing.T) {
	const producers, units = 4, 500
	for _, p := range pools {
		var ran atomic.Int64
		s := p.make(2)
		var wg, started sync.WaitGroup
		wg.Add(producers * units)
		for range producers {
			started.Go(func() {
				for range units {
					s.start(func() {
						ran.Add(1)
						wg.Done()
					})
				}
			})
		}
		started.Wait()
		wg.Wait()
		s.stop()
		if got := ran.Load(); got != producers*units {
			t.Errorf("%s %s: %d units ran, want %d", p.impl, p.style, got, producers*units)
		}
	}
	for _, p := range append(slices.Clone(loops), loopsOfPools()...) {
		for _, n := range []int{0, 1, 1000} {
			called := make([]atomic.Int32, n)
			p.each(2, n, func(i int) { called[i].Add(1) })
			for i := range called {
				if k := called[i].Load(); k != 1 {
					t.Errorf("%s %s: index %d of %d was called %d times", p.impl, p.style, i, n, k)
				}
			}
		}
	}
}

// TestFibs checks the recursions of the libraries.
func TestFibs(t *testing.T) {
	for name, fib := range map[string]func(n int) int{"conc": fibConc, "errgroup": fibErrgroup} {
		if got := fib(15); got != 610 {
			t.Errorf("%s: fib(15) is %d, want 610", name, got)
		}
	}
}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := removeNative(); err != nil {
		panic(err)
	}
	os.Exit(code)
}
