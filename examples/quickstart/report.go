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

// tell prints the problems, the first few of them.
func tell(w io.Writer, problems []error) {
	const most = 10
	texts := make([]string, len(problems))
	for i, err := range problems {
		texts[i] = err.Error()
	}
	slices.Sort(texts)
	for i, s := range texts {
		if i == most {
			fmt.Fprintf(w, "quickstart: and %d more\n", len(texts)-most)
			return
		}
		fmt.Fprintf(w, "quickstart: %s; going on without it\n", s)
	}
}

// same checks that two passes have found the same.
func same(a, b *tally) error {
	key := func(t *tally) [6]int64 {
		return [6]int64{int64(t.files), int64(t.lines), int64(t.idents), t.bytes, int64(len(t.names)), int64(len(t.words))}
	}
	if key(a) != key(b) {
		return fmt.Errorf("tasks and goroutines counted differently: %v and %v; did the files change meanwhile?", key(a), key(b))
	}
	return nil
}

func report(w io.Writer, set settings, t *tally, heddle, native []pass) {
	fmt.Fprintf(w, "\nfound in %d files: %d lines, %d identifiers (%d different)\n", t.files, t.lines, t.idents, len(t.names))
	fmt.Fprintf(w, "  most frequent identifiers:       %s\n", top(t.names))
	fmt.Fprintf(w, "  most frequent words in comments: %s\n", top(t.words))

	st := median(heddle).stats
	fmt.Fprintf(w, "\n%d tasks, workers=%d, pinning=%v, the median pass:\n", st.Finished, st.Workers, set.pinning)
	for i, ws := range st.PerWorker {
		share := float64(ws.Finished) / float64(max(1, st.Finished))
		fmt.Fprintf(w, "  worker %-3d %6d tasks  %3.0f%% %-25s %d stolen\n", i, ws.Finished, 100*share,
			strings.Repeat("=", int(25*share+0.5)), ws.Stolen)
	}
	fmt.Fprintf(w, "  %d thefts moved %d tasks, %d preemptions, %d wake-ups, %d thread moves\n",
		st.Steals, st.Stolen, st.Preemptions, st.Wakes, st.ThreadMoves)

	fmt.Fprintf(w, "\nthe same work, files in the file cache, GOMAXPROCS=%d, one task or goroutine a file:\n", runtime.GOMAXPROCS(0))
	row := func(name string, ps []pass) {
		m := median(ps)
		fmt.Fprintf(w, "  %-11s %8s  %8.0f files/s  %6.1f MB/s   all passes: %s\n", name, ms(m.took),
			float64(m.found.files)/m.took.Seconds(), float64(m.found.bytes)/1e6/m.took.Seconds(), times(ps))
	}
	row("heddle", heddle)
	row("goroutines", native)
	fmt.Fprintf(w, "  ratio of the medians, heddle / goroutines: %.2f\n", median(heddle).took.Seconds()/median(native).took.Seconds())
	fmt.Fprintf(w, "A file is hundreds of microseconds of work, so that either way of starting it hardly counts here;\n"+
		"go test -bench . ./benchmarks measures the two themselves.\n")
}

// top returns the strings counted most, with their counts.
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

// median returns the pass in the middle, by time; the faster one of two.
func median(ps []pass) pass {
	s := slices.Clone(ps)
	slices.SortFunc(s, func(a, b pass) int { return cmp.Compare(a.took, b.took) })
	return s[(len(s)-1)/2]
}

func times(ps []pass) string {
	s := make([]string, len(ps))
	for i, p := range ps {
		s[i] = ms(p.took)
	}
	return strings.Join(s, ", ")
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
