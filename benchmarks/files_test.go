package benchmarks

import (
	"bytes"
	"compress/flate"
	"encoding/hex"
	"fmt"
	"go/parser"
	"go/token"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// BenchmarkFiles does some work for each of many items. ns/op is one run over all items.
//
// body=file: each item is one of 150 Go source files in memory. The work is to parse, compress and
// encode it, which makes much garbage. Heddle uses parallel.Map. body=1us and body=100ns compute
// for about that long, 50,000 and 500,000 times. Heddle uses parallel.For.
//
// The baselines are GOMAXPROCS goroutines that take the next index from an atomic counter. For the
// short bodies, another baseline takes 64 indexes at a time.
func BenchmarkFiles(b *testing.B) {
	files := sync.OnceValue(func() []string { return sourceFiles(150) })
	sums := sync.OnceValue(func() []uint32 { // the right result of each file
		var xs []uint32
		for _, f := range files() {
			xs = append(xs, encodeFile(f))
		}
		return xs
	})
	run(b, heddle, func(b *testing.B, workers int) {
		s := newScheduler(b, workers)
		check := func(got []uint32) { want(b, "files are right", slices.Equal(got, sums()), true) }
		versus(b, timed(heddle, func() {
			got, err := parallel.Run(s, func(c *task.Ctx) ([]uint32, error) {
				return parallel.Map(c, files(), func(_ *task.Ctx, f string) uint32 { return encodeFile(f) })
			})
			want(b, "error", err, nil)
			check(got)
		}), timed("index", func() {
			got := make([]uint32, len(files()))
			byIndex(len(got), workers, 1, func(i int) { got[i] = encodeFile(files()[i]) })
			check(got)
		}))
	}, "body=file", "against=index")

	for _, x := range []struct {
		name     string
		n, steps int
	}{{"1us", 50_000, hogSteps}, {"100ns", 500_000, hogSteps / 10}} {
		out := make([]uint64, x.n)
		body := func(i int) { out[i] = steps(uint64(i), x.steps) }
		total := uint64(0)
		for i := range x.n {
			total += steps(uint64(i), x.steps)
		}
		check := func(b *testing.B) {
			sum := uint64(0)
			for i, v := range out {
				sum += v
				out[i] = 0
			}
			want(b, "sum", sum, total)
		}
		run(b, heddle, func(b *testing.B, workers int) {
			s := newScheduler(b, workers)
			indexed := func(name string, piece int) side {
				return timed(name, func() {
					byIndex(x.n, workers, piece, body)
					check(b)
				})
			}
			versus(b, timed(heddle, func() {
				_, err := parallel.Run(s, func(c *task.Ctx) (struct{}, error) {
					return struct{}{}, parallel.For(c, x.n, func(_ *task.Ctx, i int) { body(i) })
				})
				want(b, "error", err, nil)
				check(b)
			}), indexed("index", 1), indexed("index64", 64))
		}, key("body", x.name), "against=index+index64")
	}
}

// byIndex runs body for each index below n, on the given number of goroutines. They take piece
// indexes at a time from a counter.
func byIndex(n, goroutines, piece int, body func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for {
				hi := int(next.Add(int64(piece)))
				if hi-piece >= n {
					return
				}
				for i := hi - piece; i < min(hi, n); i++ {
					body(i)
				}
			}
		})
	}
	wg.Wait()
}

// steps computes n steps of a chain that starts with x.
func steps(x uint64, n int) uint64 {
	for range n {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return x
}

// encodeFile parses, compresses and encodes a file, and returns a checksum of the results.
func encodeFile(src string) uint32 {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", src, parser.ParseComments)
	if err != nil {
		panic(err) // sourceFiles makes no files with errors
	}
	var out bytes.Buffer
	w, _ := flate.NewWriter(hex.NewEncoder(&out), flate.BestSpeed) // fails only for an unknown level
	_, _ = w.Write([]byte(src))                                    // a buffer accepts everything
	_ = w.Close()
	return crc32.ChecksumIEEE(out.Bytes()) + uint32(len(f.Decls))
}

// sourceFiles makes n Go source files of some kilobytes. They are the same in every run.
func sourceFiles(n int) []string {
	rng := rand.New(rand.NewPCG(4, 5))
	files := make([]string, n)
	for i := range files {
		var src strings.Builder
		fmt.Fprintf(&src, "// Package p%d is made for a benchmark.\npackage p%d\n", i, i)
		for k := range 20 + rng.IntN(40) {
			fmt.Fprintf(&src, "\n// f%d adds %d up %d times.\nfunc f%d(x int) (sum int) {\n\tfor i := range %d {\n\t\tif x%%%d == i {\n\t\t\tsum += x*%d + i\n\t\t}\n\t}\n\treturn sum\n}\n",
				k, rng.IntN(1000), rng.IntN(100), k, rng.IntN(1000), 2+rng.IntN(50), rng.IntN(1_000_000))
		}
		files[i] = src.String()
	}
	return files
}

// TestByIndex checks that each index is taken once, whatever the size of the pieces.
func TestByIndex(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 65, 1000} {
		for _, piece := range []int{1, 64} {
			got := make([]atomic.Int32, n)
			byIndex(n, 3, piece, func(i int) { got[i].Add(1) })
			for i := range got {
				if k := got[i].Load(); k != 1 {
					t.Errorf("n=%d piece=%d: index %d was taken %d times", n, piece, i, k)
				}
			}
		}
	}
}
