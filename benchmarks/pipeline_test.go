package benchmarks

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

const (
	pipelineFiles   = 1000
	pipelineReaders = 8
	pipelineBound   = 32 // capacity of each channel
)

// A pipelineFile is passed from stage to stage. It holds first a path, then the data, then a hash.
type pipelineFile struct {
	path string
	data []byte
	hash [sha256.Size]byte
}

// BenchmarkPipeline sends 1,000 small files from the file cache through four stages with bounded
// channels in between, like examples/pipeline: list, read (8 units), hash (one unit for each
// worker), collect. ns/op is one run. Heddle reads in Ctx.Blocking. The baseline is the same stages
// on goroutines and native channels, which simply read.
func BenchmarkPipeline(b *testing.B) {
	dir, right := pipelineFolder(b)
	run(b, heddle, func(b *testing.B, workers int) {
		s := newScheduler(b, workers)
		check := func(got [sha256.Size]byte) { want(b, "hashes are right", got == right, true) }
		versus(b, timed(heddle, func() { check(pipelineHeddle(b, s, dir, workers)) }),
			timed("stages", func() { check(pipelineGoroutines(b, dir, workers)) }))
	}, "against=stages")
}

// pipelineFolder makes the files, and returns their folder and the right result.
func pipelineFolder(b *testing.B) (dir string, right [sha256.Size]byte) {
	dir = b.TempDir()
	rng := rand.New(rand.NewPCG(6, 7))
	var hashes [][sha256.Size]byte
	for i := range pipelineFiles {
		data := make([]byte, 1+rng.IntN(32<<10))
		for k := range data {
			data[k] = byte(rng.Uint32())
		}
		hashes = append(hashes, sha256.Sum256(data))
		if err := os.WriteFile(pipelinePath(dir, i), data, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	return dir, hashOfAll(hashes)
}

func pipelinePath(dir string, i int) string { return filepath.Join(dir, fmt.Sprint(i)) }

// hashOfAll returns a hash of all hashes that does not depend on their order. It sorts them.
func hashOfAll(hashes [][sha256.Size]byte) [sha256.Size]byte {
	slices.SortFunc(hashes, func(a, b [sha256.Size]byte) int { return slices.Compare(a[:], b[:]) })
	h := sha256.New()
	for _, x := range hashes {
		h.Write(x[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

func pipelineHeddle(b *testing.B, s *scheduler.Scheduler, dir string, hashers int) [sha256.Size]byte {
	paths := tsync.NewChan[pipelineFile](pipelineBound)
	blobs := tsync.NewChan[pipelineFile](pipelineBound)
	sums := tsync.NewChan[pipelineFile](pipelineBound)
	var hashes [][sha256.Size]byte
	all := task.NewGroup(s)
	stage := func(units int, work func(c *task.Ctx) error, done func()) {
		all.Go(func(c *task.Ctx) error {
			g := task.NewGroup(c)
			for range units {
				g.Go(work)
			}
			defer done()
			return g.Wait()
		})
	}
	stage(1, func(c *task.Ctx) error {
		for i := range pipelineFiles {
			if err := paths.Send(c, pipelineFile{path: pipelinePath(dir, i)}); err != nil {
				return err
			}
		}
		return nil
	}, paths.Close)
	stage(pipelineReaders, func(c *task.Ctx) error {
		for f := range paths.All(c) {
			data, err := task.BlockingValue(c, func() ([]byte, error) { return os.ReadFile(f.path) })
			if err != nil {
				return err
			}
			f.data = data
			if err := blobs.Send(c, f); err != nil {
				return err
			}
		}
		return nil
	}, blobs.Close)
	stage(hashers, func(c *task.Ctx) error {
		for f := range blobs.All(c) {
			f.hash = sha256.Sum256(f.data)
			if err := sums.Send(c, f); err != nil {
				return err
			}
		}
		return nil
	}, sums.Close)
	stage(1, func(c *task.Ctx) error {
		for f := range sums.All(c) {
			hashes = append(hashes, f.hash)
		}
		return nil
	}, func() {})
	want(b, "error", all.Wait(), nil)
	return hashOfAll(hashes)
}

func pipelineGoroutines(b *testing.B, dir string, hashers int) [sha256.Size]byte {
	paths := make(chan pipelineFile, pipelineBound)
	blobs := make(chan pipelineFile, pipelineBound)
	sums := make(chan pipelineFile, pipelineBound)
	var hashes [][sha256.Size]byte
	var all sync.WaitGroup
	stage := func(units int, work func(), done func()) {
		all.Go(func() {
			var wg sync.WaitGroup
			for range units {
				wg.Go(work)
			}
			wg.Wait()
			done()
		})
	}
	stage(1, func() {
		for i := range pipelineFiles {
			paths <- pipelineFile{path: pipelinePath(dir, i)}
		}
	}, func() { close(paths) })
	stage(pipelineReaders, func() {
		for f := range paths {
			data, err := os.ReadFile(f.path)
			want(b, "error", err, nil)
			f.data = data
			blobs <- f
		}
	}, func() { close(blobs) })
	stage(hashers, func() {
		for f := range blobs {
			f.hash = sha256.Sum256(f.data)
			sums <- f
		}
	}, func() { close(sums) })
	stage(1, func() {
		for f := range sums {
			hashes = append(hashes, f.hash)
		}
	}, func() {})
	all.Wait()
	return hashOfAll(hashes)
}
