package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heddle-go/heddle/internal/cli"
)

// onGoroutines indexes the files with one goroutine for each.
func onGoroutines(files []string, p *cli.Counter) pass {
	defer p.Stop()
	tallies := &bank{}
	start := begin()
	var wg sync.WaitGroup
	for _, path := range files {
		wg.Go(func() {
			t := tallies.take()
			t.add(path, func() {}) // the Go runtime preempts goroutines by itself
			tallies.put(t)
			p.Add()
		})
	}
	wg.Wait()
	return pass{found: tallies.total(), took: time.Since(start)}
}

// byIndex indexes the files with as many goroutines as workers. Each takes the next file when it
// has finished one. This is the usual way to avoid one goroutine for each file.
func byIndex(files []string, set settings, p *cli.Counter) pass {
	defer p.Stop()
	tallies := &bank{}
	start := begin()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range set.workers {
		wg.Go(func() {
			t := tallies.take()
			defer tallies.put(t)
			for {
				i := int(next.Add(1)) - 1
				if i >= len(files) {
					return
				}
				t.add(files[i], func() {})
				p.Add()
			}
		})
	}
	wg.Wait()
	return pass{found: tallies.total(), took: time.Since(start)}
}

// sortOnGoroutines sorts xs. As long as a part has more than least strings, it sorts one half of
// the split on a goroutine of its own.
func sortOnGoroutines(xs []string, least int) {
	if len(xs) <= least {
		sortHere(xs)
		return
	}
	low, high := split(xs)
	var wg sync.WaitGroup
	wg.Go(func() { sortOnGoroutines(low, least) })
	sortOnGoroutines(high, least)
	wg.Wait()
}

// begin starts the clock of a pass. It first collects the garbage of the pass before.
func begin() time.Time {
	runtime.GC()
	return time.Now()
}
