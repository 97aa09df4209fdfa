// Package results knows the rows of the benchmarks by their names, reads and writes what they
// reported, and compares heddle with its baselines and with its peers. The names are those that
// package benchmarks defines. Baselines are goroutines, threads and the plain program. Peers are
// other libraries.
//
// The functions do not measure. Any goroutine may call them, but two must not share a group.
package results

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ExampleRow is the name of a row, for messages.
const ExampleRow = "BenchmarkSpawn/impl=heddle/workers=2/outstanding=100"

// A Row is the parsed name of a row.
type Row struct {
	Full    string
	Bench   string // without "Benchmark"
	Impl    string
	Workers int
	Keys    []Setting
}

// A Setting is one key=value of a name.
type Setting struct{ Key, Value string }

// ParseRow parses a name, without the suffix for the number of Ps that package testing adds to it.
func ParseRow(full string) (Row, error) {
	parts := strings.Split(full, "/")
	bench, ok := strings.CutPrefix(parts[0], "Benchmark")
	r := Row{Full: full, Bench: bench}
	if !ok || len(parts) < 3 {
		return r, fmt.Errorf("%q is no name of a row, such as %s", full, ExampleRow)
	}
	for _, p := range parts[1:] {
		key, value, ok := strings.Cut(p, "=")
		if !ok {
			return r, fmt.Errorf("%q: the part %q is not of the form key=value", full, p)
		}
		switch key {
		case "impl":
			r.Impl = value
		case "workers":
			n, err := strconv.Atoi(value)
			if err != nil {
				return r, fmt.Errorf("%q: %v", full, err)
			}
			r.Workers = n
		default:
			r.Keys = append(r.Keys, Setting{key, value})
		}
	}
	if r.Impl == "" || r.Workers == 0 {
		return r, fmt.Errorf("%q: want impl= and workers=", full)
	}
	return r, nil
}

// Value returns the value of a key, or "".
func (r Row) Value(key string) string {
	for _, s := range r.Keys {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

// Against returns the names of the baselines that the row runs itself, or "".
func (r Row) Against() string { return r.Value("against") }

// Title returns the row's name in the table: the benchmark's name and the keys, without those in
// without.
func (r Row) Title(without ...string) string {
	t := r.Bench
	for _, s := range r.Keys {
		if !slices.Contains(without, s.Key) {
			t += "/" + s.Key + "=" + s.Value
		}
	}
	return t
}

// A Group is a set of rows that run right after each other in a round: rows of heddle, their
// baselines and their peers.
type Group struct {
	Heddle     []*Series
	Goroutines []*Series
	Plain      []*Series // the sequential program, or the benchmark's loop alone
	Threads    []*Series
	Peers      []*Series
	shared     []string // keys in which all rows agree
}

// A Series holds the results of one row, by round.
type Series struct {
	Row
	Rounds []Metrics // nil for a round in which the row failed or did not run
}

// Metrics holds what one run of a row reported, by unit.
type Metrics map[string]float64

// All returns all rows of the group.
func (g *Group) All() []*Series {
	return slices.Concat(g.Goroutines, g.Heddle, g.Plain, g.Threads, g.Peers)
}

// Groups returns the groups of the rows of heddle that match rows, each with its baselines and
// peers.
func Groups(names []Row, rows *regexp.Regexp) []*Group {
	benches := map[string][]Row{}
	for _, r := range names {
		benches[r.Bench] = append(benches[r.Bench], r)
	}
	var gs []*Group
	known := map[string]*Group{}
	for _, r := range names {
		if r.Impl != "heddle" || !rows.MatchString(r.Full) {
			continue
		}
		shared := sharedKeys(benches[r.Bench])
		id := fmt.Sprint(r.Bench, r.Workers, r.values(shared))
		if r.Against() != "" {
			id = r.Full
		}
		g := known[id]
		if g == nil {
			g = &Group{shared: shared}
			known[id] = g
			gs = append(gs, g)
			g.compare(r, benches[r.Bench])
		}
		g.Heddle = append(g.Heddle, &Series{Row: r})
	}
	return gs
}

// compare adds the rows with which r is compared. A row that runs its baselines itself is compared
// with its peers only.
func (g *Group) compare(r Row, others []Row) {
	for _, o := range others {
		if !slices.Equal(o.values(g.shared), r.values(g.shared)) {
			continue
		}
		s := &Series{Row: o}
		alone := r.Against() != ""
		switch {
		case o.Impl == "heddle":
		case o.isPeer():
			if o.Workers == r.Workers {
				g.Peers = append(g.Peers, s)
			}
		case alone:
		case o.Impl == "sequential": // for any number of workers
			g.Plain = append(g.Plain, s)
		case o.Workers != r.Workers:
		case o.Impl == "goroutines":
			g.Goroutines = append(g.Goroutines, s)
		case o.Impl == "none":
			g.Plain = append(g.Plain, s)
		case o.Impl == "threads":
			g.Threads = append(g.Threads, s)
		}
	}
}

// isPeer reports whether the row is one of another library.
func (r Row) isPeer() bool {
	switch r.Impl {
	case "heddle", "goroutines", "threads", "sequential", "none":
		return false
	}
	return true
}

// sharedKeys returns, sorted, the keys that both rows of heddle and other rows have.
func sharedKeys(rows []Row) []string {
	has := map[bool]map[string]bool{false: {}, true: {}}
	for _, r := range rows {
		for _, s := range r.Keys {
			has[r.Impl == "heddle"][s.Key] = true
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
func (r Row) values(keys []string) []string {
	vs := make([]string, len(keys))
	for i, k := range keys {
		vs[i] = r.Value(k)
	}
	return vs
}
