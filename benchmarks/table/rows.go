package main

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// exampleRow is the name of a row, for messages.
const exampleRow = "BenchmarkSpawn/impl=heddle/workers=2/outstanding=100"

// A row is the parsed name of a row.
type row struct {
	full    string
	bench   string // without "Benchmark"
	impl    string
	workers int
	keys    []setting
}

// A setting is one key=value of a name.
type setting struct{ key, value string }

func parseRow(full string) (row, error) {
	parts := strings.Split(full, "/")
	bench, ok := strings.CutPrefix(parts[0], "Benchmark")
	r := row{full: full, bench: bench}
	if !ok || len(parts) < 3 {
		return r, fmt.Errorf("%q is no name of a row, such as %s", full, exampleRow)
	}
	for _, p := range parts[1:] {
		key, value, ok := strings.Cut(p, "=")
		if !ok {
			return r, fmt.Errorf("%q: the part %q is not of the form key=value", full, p)
		}
		switch key {
		case "impl":
			r.impl = value
		case "workers":
			n, err := strconv.Atoi(value)
			if err != nil {
				return r, fmt.Errorf("%q: %v", full, err)
			}
			r.workers = n
		default:
			r.keys = append(r.keys, setting{key, value})
		}
	}
	if r.impl == "" || r.workers == 0 {
		return r, fmt.Errorf("%q: want impl= and workers=", full)
	}
	return r, nil
}

// value returns the value of a key, or "".
func (r row) value(key string) string {
	for _, s := range r.keys {
		if s.key == key {
			return s.value
		}
	}
	return ""
}

// against returns the names of the baselines that the row runs itself, or "".
func (r row) against() string { return r.value("against") }

// title returns the row's name in the table: the benchmark's name and the keys, without those in
// without.
func (r row) title(without ...string) string {
	t := r.bench
	for _, s := range r.keys {
		if !slices.Contains(without, s.key) {
			t += "/" + s.key + "=" + s.value
		}
	}
	return t
}

// A group is a set of rows that run right after each other in a round: rows of heddle and their
// baselines.
type group struct {
	heddle     []*series
	goroutines []*series
	plain      []*series // the sequential program, or the benchmark's loop alone
	threads    []*series
	shared     []string // keys in which all rows agree
}

// A series holds the results of one row, by round.
type series struct {
	row
	rounds []metrics // nil for a round in which the row failed or did not run
}

func (g *group) all() []*series {
	return slices.Concat(g.goroutines, g.heddle, g.plain, g.threads)
}

// groupsOf returns the groups of the rows of heddle that match rows, each with its baselines.
func groupsOf(names []row, rows *regexp.Regexp) []*group {
	benches := map[string][]row{}
	for _, r := range names {
		benches[r.bench] = append(benches[r.bench], r)
	}
	var gs []*group
	known := map[string]*group{}
	for _, r := range names {
		if r.impl != "heddle" || !rows.MatchString(r.full) {
			continue
		}
		shared := sharedKeys(benches[r.bench])
		id := fmt.Sprint(r.bench, r.workers, r.values(shared))
		if r.against() != "" {
			id = r.full // the row is compared with no other row
		}
		g := known[id]
		if g == nil {
			g = &group{shared: shared}
			known[id] = g
			gs = append(gs, g)
			if r.against() == "" {
				g.compare(r, benches[r.bench])
			}
		}
		g.heddle = append(g.heddle, &series{row: r})
	}
	return gs
}

// compare adds the rows with which r is compared.
func (g *group) compare(r row, others []row) {
	for _, o := range others {
		if !slices.Equal(o.values(g.shared), r.values(g.shared)) {
			continue
		}
		s := &series{row: o}
		switch {
		case o.impl == "sequential": // for any number of workers
			g.plain = append(g.plain, s)
		case o.workers != r.workers:
		case o.impl == "goroutines":
			g.goroutines = append(g.goroutines, s)
		case o.impl == "none":
			g.plain = append(g.plain, s)
		case o.impl == "threads":
			g.threads = append(g.threads, s)
		}
	}
}

// sharedKeys returns, sorted, the keys that both rows of heddle and other rows have.
func sharedKeys(rows []row) []string {
	has := map[bool]map[string]bool{false: {}, true: {}}
	for _, r := range rows {
		for _, s := range r.keys {
			has[r.impl == "heddle"][s.key] = true
		}
	}
	var keys []string
	for k := range has[true] {
		if has[false][k] {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, cmp.Compare[string])
	return keys
}

// values returns the values of the given keys.
func (r row) values(keys []string) []string {
	vs := make([]string, len(keys))
	for i, k := range keys {
		vs[i] = r.value(k)
	}
	return vs
}

// benchtimes says how long each row runs in a round, if the flag does not. The first pattern that
// matches counts.
var benchtimes = []struct {
	row  *regexp.Regexp
	time string
}{
	{regexp.MustCompile(`against=`), "3x"}, // each of the three runs all sides once
	{regexp.MustCompile(`^Benchmark(Memory|ActorMemory|IdleCPU)/`), "1x"},
	{regexp.MustCompile(`^Benchmark(Hog|TimerLateness|WakeIdle)/`), "300x"}, // enough for a p99
	{regexp.MustCompile(`^BenchmarkSleepMany/`), "2x"},
	{regexp.MustCompile(`outstanding=1000000\b`), "1000000x"}, // at least as many as outstanding
	{anyRow, "0.3s"},
}

func (r row) benchtime(set settings) string {
	if set.benchtime != "" {
		return set.benchtime
	}
	for _, b := range benchtimes {
		if b.row.MatchString(r.full) {
			return b.time
		}
	}
	panic("the last pattern matches every row")
}
