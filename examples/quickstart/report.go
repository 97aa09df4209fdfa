package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"
)

// same returns an error if two passes have found different things.
func same(a, b *tally) error {
	key := func(t *tally) [6]int64 {
		return [6]int64{int64(t.files), int64(t.lines), int64(t.idents), t.bytes, int64(len(t.names)), int64(len(t.words))}
	}
	if key(a) != key(b) {
		return fmt.Errorf("two sides have counted differently: %v and %v; did the files change meanwhile?", key(a), key(b))
	}
	return nil
}

func report(w io.Writer, set settings, t *tally, sides []*side) {
	fmt.Fprintf(w, "\nfound in %d files: %d lines, %d identifiers (%d different)\n", t.files, t.lines, t.idents, len(t.names))
	fmt.Fprintf(w, "  most frequent identifiers:       %s\n", top(t.names))
	fmt.Fprintf(w, "  most frequent words in comments: %s\n", top(t.words))

	heddle := sides[0].done
	st := median(heddle).stats
	fmt.Fprintf(w, "\n%d tasks, workers=%d, pinning=%v, the median pass:\n", st.Finished, st.Workers, set.pinning)
	for i, ws := range st.PerWorker {
		share := float64(ws.Finished) / float64(max(1, st.Finished))
		fmt.Fprintf(w, "  worker %-3d %6d tasks  %3.0f%% %-25s %d stolen\n", i, ws.Finished, 100*share,
			strings.Repeat("=", int(25*share+0.5)), ws.Stolen)
	}
	fmt.Fprintf(w, "  %d thefts moved %d tasks, %d preemptions, %d wake-ups, %d thread moves\n",
		st.Steals, st.Stolen, st.Preemptions, st.Wakes, st.ThreadMoves)

	fmt.Fprintf(w, "\nindexing, files in the file cache, GOMAXPROCS=%d:\n", runtime.GOMAXPROCS(0))
	for i, s := range sides {
		m := median(s.done)
		ratio := ""
		if i > 0 {
			ratio = "   heddle / this: " + ratioOf(tooks(heddle), tooks(s.done))
		}
		fmt.Fprintf(w, "  %-31s %9s  %8.0f files/s  %6.1f MB/s%s\n", s.name, ms(m.took),
			float64(m.found.files)/m.took.Seconds(), float64(m.found.bytes)/1e6/m.took.Seconds(), ratio)
	}
	fmt.Fprintf(w, "A file is hundreds of microseconds of work, so that starting a task or goroutine for it hardly counts.\n")
}

// reportSorts prints the times of the second part. ways[0] must be heddle's.
func reportSorts(w io.Writer, n int, ways []sorter, times [][]time.Duration) {
	fmt.Fprintf(w, "\nsorting the %d different identifiers and words by recursion, down to %d of them, GOMAXPROCS=%d:\n",
		n, leafSize, runtime.GOMAXPROCS(0))
	for i, way := range ways {
		ratio := ""
		if i > 0 {
			ratio = "   heddle / this: " + ratioOf(times[0], times[i])
		}
		fmt.Fprintf(w, "  %-31s %9s%s\n", way.name, ms(middle(times[i])), ratio)
	}
	fmt.Fprintf(w, "A step is some hundred nanoseconds of work: a fork costs some nanoseconds of that, a goroutine hundreds, and a\n"+
		"cut-off has to be chosen. Ratios above 1 are heddle's losses; go run ./benchmarks/table measures more of both.\n")
}

// ratioOf returns the median, the least and the greatest of the rounds' ratios.
func ratioOf(mine, base []time.Duration) string {
	rs := make([]float64, len(mine))
	for i := range rs {
		rs[i] = float64(mine[i]) / float64(max(1, base[i]))
	}
	slices.Sort(rs)
	return fmt.Sprintf("%.2f (%.2f to %.2f)", rs[(len(rs)-1)/2], rs[0], rs[len(rs)-1])
}

func tooks(ps []pass) []time.Duration {
	ds := make([]time.Duration, len(ps))
	for i, p := range ps {
		ds[i] = p.took
	}
	return ds
}

// middle returns the median time. Of the two middle times it returns the shorter one.
func middle(ds []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(ds))
	return s[(len(s)-1)/2]
}

// top returns the strings with the highest counts, and their counts.
func top(c counter) string {
	const most = 8
	keys := make([]string, 0, len(c))
	for s := range c {
		keys = append(keys, s)
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(cmp.Compare(*c[b], *c[a]), strings.Compare(a, b))
	})
	keys = keys[:min(most, len(keys))]
	for i, s := range keys {
		keys[i] = fmt.Sprintf("%s %d", s, *c[s])
	}
	return strings.Join(keys, ", ")
}

// median returns the median pass by time. Of the two middle passes it returns the faster one.
func median(ps []pass) pass {
	s := slices.Clone(ps)
	slices.SortFunc(s, func(a, b pass) int { return cmp.Compare(a.took, b.took) })
	return s[(len(s)-1)/2]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
