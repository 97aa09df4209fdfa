package main

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	uatomic "go.uber.org/atomic"

	"github.com/heddle-go/heddle/internal/cli"
)

// A blob is a file that has been read.
type blob struct {
	path string
	data []byte
}

// A sum is a file that has been hashed.
type sum struct {
	path string
	size int
	hash [sha256.Size]byte
}

// A stage holds the measurements of one stage. They cover the work itself, without the waits for
// the neighbouring stages.
type stage struct {
	name         string
	units        int // how many goroutines or tasks work in the stage
	files, bytes atomic.Int64
	busy         uatomic.Duration
}

// note counts the work on one file or folder that began at start.
func (s *stage) note(start time.Time, size int) {
	s.busy.Add(time.Since(start))
	s.files.Add(1)
	s.bytes.Add(int64(size))
}

// A pass is one trip of all files through all stages.
type pass struct {
	walk, read, hash, collect stage

	sums   []sum // written by collect; sorted by path after seal
	took   time.Duration
	digest [sha256.Size]byte

	mu       sync.Mutex
	problems []error // errors about files and folders that could not be read
}

func newPass(set settings) *pass {
	p := &pass{}
	for _, s := range []struct {
		of    *stage
		name  string
		units int
	}{{&p.walk, "walk", 1}, {&p.read, "read", set.readers}, {&p.hash, "hash", set.workers}, {&p.collect, "collect", 1}} {
		s.of.name, s.of.units = s.name, s.units
	}
	return p
}

func (p *pass) stages() []*stage { return []*stage{&p.walk, &p.read, &p.hash, &p.collect} }

func (p *pass) problem(path string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems = append(p.problems, cli.Unreadable(path, err))
}

// each walks the tree under root, folder by folder, and passes the regular files to emit. If it
// cannot read a folder, it records a problem and goes on; only for the root it fails.
func (p *pass) each(root string, readDir func(dir string) ([]fs.DirEntry, error), emit func(path string) error) error {
	dirs := []string{root}
	for len(dirs) > 0 {
		dir := dirs[len(dirs)-1]
		dirs = dirs[:len(dirs)-1]
		start := time.Now()
		entries, err := readDir(dir)
		p.walk.note(start, 0)
		if err != nil {
			if dir == root {
				return err
			}
			p.problem(dir, err)
			continue
		}
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			switch {
			case e.IsDir():
				dirs = append(dirs, path)
			case e.Type().IsRegular():
				if err := emit(path); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// hashOf returns the hash of data. It calls checkpoint after each step.
func hashOf(data []byte, checkpoint func()) (sum [sha256.Size]byte) {
	const step = 64 << 10 // about 50 us of hashing
	h := sha256.New()
	for len(data) > 0 {
		n := min(step, len(data))
		h.Write(data[:n])
		data = data[n:]
		checkpoint()
	}
	h.Sum(sum[:0])
	return sum
}

// keep adds a file to the result. It is the work of the last stage.
func (p *pass) keep(s sum, bar *cli.Counter) {
	start := time.Now()
	p.sums = append(p.sums, s)
	p.collect.note(start, s.size)
	bar.Add()
}

// seal sorts the files by path, whatever order they came in, and hashes all paths and hashes into
// one.
func (p *pass) seal() {
	slices.SortFunc(p.sums, func(a, b sum) int { return strings.Compare(a.path, b.path) })
	h := sha256.New()
	for _, s := range p.sums {
		fmt.Fprintf(h, "%x  %q\n", s.hash, s.path)
	}
	h.Sum(p.digest[:0])
}

func (p *pass) size() (bytes int) {
	for _, s := range p.sums {
		bytes += s.size
	}
	return bytes
}

// slowest returns the stage that was busy for the largest part of the time.
func (p *pass) slowest() *stage {
	return slices.MaxFunc(p.stages(), func(a, b *stage) int { return cmp.Compare(a.load(p), b.load(p)) })
}

// load returns the fraction of the pass for which one goroutine or task of the stage was busy.
func (s *stage) load(p *pass) float64 {
	return float64(s.busy.Load()) / float64(s.units) / float64(max(1, p.took))
}
