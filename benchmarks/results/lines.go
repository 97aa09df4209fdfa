package results

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// A Line compares one measure of one row of heddle with the same measure of other rows.
type Line struct {
	Row
	Title    string
	Measure  string // empty for the time of one op
	Unit     string
	Base     float64   // median of the best baseline, or NaN
	Which    string    // name of that baseline
	Mine     float64   // median of heddle
	Ratios   []float64 // ratios of the rounds, sorted; empty if there is no baseline
	Plain    float64   // median ratio to the plain program, or NaN
	Threaded float64   // median with a thread for each unit, or NaN
	Peers    []Peer    // the fastest first
}

// A Peer is another library's best row of the same scenario.
type Peer struct {
	Name   string
	Base   float64   // its median
	Ratios []float64 // ratios of heddle to it, by round, sorted
}

// Lines makes the lines of all rows that have a result.
func Lines(gs []*Group) (lines []Line) {
	for _, g := range gs {
		for _, h := range g.Heddle {
			for _, m := range measuresOf(h.Rounds) {
				l := newLine(h.Row, m)
				if h.Against() != "" {
					l.pair(h, m)
				} else {
					l.compare(g, h, m)
				}
				if m.name == "" {
					l.Peers = g.peers(h, m.unit)
				}
				lines = append(lines, l)
			}
		}
	}
	return lines
}

// Name returns the line's title with its measure.
func (l Line) Name() string {
	if l.Measure == "" {
		return l.Title
	}
	return l.Title + ", " + l.Measure
}

// Lost reports whether heddle takes more than its baseline.
func (l Line) Lost() bool { return len(l.Ratios) > 0 && Median(l.Ratios) > 1 }

// Others returns all that heddle is compared with, the fastest first: the peers, and as one of them
// the best baseline, whose name is then the side's or begins with "goroutines".
func (l Line) Others() []Peer {
	others := slices.Clone(l.Peers)
	if len(l.Ratios) > 0 {
		name := "goroutines"
		if l.Which != name {
			name += ", " + l.Which
		}
		others = append(others, Peer{name, l.Base, l.Ratios})
	}
	slices.SortStableFunc(others, func(a, b Peer) int { return cmp.Compare(a.Base, b.Base) })
	return others
}

// ownMeasures are units that replace ns/op in the table if a row reports them. measure is the name
// in the table.
var ownMeasures = []struct{ unit, measure string }{
	{"p50-ns", "p50"}, {"p99-ns", "p99"}, {"due-p50-ns", "due p50"}, {"due-p99-ns", "due p99"},
	{"B/task", "memory"}, {"rss-B/task", "resident"}, {"peak-B/task", "peak resident"},
	{"cpu-ns/sleep", "CPU"}, {"cpu-ns/task", "CPU"}, {"%core", "of a core"},
}

// A measureOf is a measure that a line shows: its name and its unit.
type measureOf struct{ name, unit string }

// measuresOf returns the measures that the rounds of a row report. A row that runs its baselines
// itself reports a ratio for each measure.
func measuresOf(rounds []Metrics) (ms []measureOf) {
	i := slices.IndexFunc(rounds, func(m Metrics) bool { return m != nil })
	if i < 0 {
		return nil
	}
	m := rounds[i]
	if _, ok := m["ratio"]; ok {
		ms = append(ms, measureOf{"", "ns/op"})
		for unit := range m {
			if name, ok := strings.CutSuffix(unit, "-ratio"); ok {
				ms = append(ms, measureOf{name, name + "-ns"})
			}
		}
		slices.SortFunc(ms, func(a, b measureOf) int { return cmp.Compare(a.name, b.name) })
		return ms
	}
	for _, o := range ownMeasures {
		if _, ok := m[o.unit]; ok {
			ms = append(ms, measureOf{o.measure, o.unit})
		}
	}
	if len(ms) == 0 {
		ms = append(ms, measureOf{"", "ns/op"})
	}
	return ms
}

func newLine(r Row, m measureOf) Line {
	nan := math.NaN()
	return Line{
		Row: r, Title: r.Title("against"), Measure: m.name, Unit: m.unit,
		Base: nan, Plain: nan, Threaded: nan,
	}
}

// pair completes a line from the ratios that the row itself reports.
func (l *Line) pair(s *Series, m measureOf) {
	prefix := ""
	if m.name != "" {
		prefix = m.name + "-"
	}
	l.Which = s.Against()
	l.Mine, l.Base = Median(s.Column(m.unit)), Median(s.Column(prefix+"base-ns"))
	l.Ratios = sorted(s.Column(prefix + "ratio"))
	// If there are several baselines, name the one that most rounds' ratios refer to.
	counts, most := map[string]int{}, 0
	for _, r := range s.Rounds {
		for _, name := range strings.Split(s.Against(), "+") {
			if to, ok := r[prefix+"ratio-to-"+name]; ok && to == r[prefix+"ratio"] {
				counts[name]++
				if counts[name] > most {
					most, l.Which = counts[name], name
				}
			}
		}
	}
}

// compare completes a line with the best of the group's baselines.
func (l *Line) compare(g *Group, h *Series, m measureOf) {
	l.Mine = Median(h.Column(m.unit))
	if best := leastMedian(g.Goroutines, m.unit); best != nil {
		l.Base = Median(best.Column(m.unit))
		l.Which = best.nameIn(g)
		l.Ratios = ratios(h.Rounds, best.Rounds, m.unit)
	}
	if best := leastMedian(g.Plain, m.unit); best != nil {
		l.Plain = Median(ratios(h.Rounds, best.Rounds, m.unit))
	}
	if best := leastMedian(g.Threads, m.unit); best != nil {
		l.Threaded = Median(best.Column(m.unit))
	}
}

// peers returns the best row of each other library, the fastest first.
func (g *Group) peers(h *Series, unit string) (ps []Peer) {
	byImpl := map[string][]*Series{}
	for _, s := range g.Peers {
		byImpl[s.Impl] = append(byImpl[s.Impl], s)
	}
	for impl, all := range byImpl {
		if best := leastMedian(all, unit); best != nil {
			ps = append(
				ps, Peer{impl, Median(best.Column(unit)), ratios(h.Rounds, best.Rounds, unit)},
			)
		}
	}
	slices.SortFunc(ps, func(a, b Peer) int {
		return cmp.Or(cmp.Compare(a.Base, b.Base), cmp.Compare(a.Name, b.Name))
	})
	return ps
}

// nameIn names a baseline by the keys that distinguish it from others in the group.
func (s *Series) nameIn(g *Group) string {
	if name, ok := strings.CutPrefix(s.Title(g.shared...), s.Bench+"/"); ok {
		return name
	}
	return s.Impl
}

// Column returns the values of one unit, from the rounds that have it.
func (s *Series) Column(unit string) (xs []float64) {
	for _, m := range s.Rounds {
		if v, ok := m[unit]; ok {
			xs = append(xs, v)
		}
	}
	return xs
}

// leastMedian returns the series with the least median, or nil if none has a result.
func leastMedian(all []*Series, unit string) (best *Series) {
	least := math.Inf(1)
	for _, s := range all {
		if m := Median(s.Column(unit)); m < least { // false if the median is NaN
			best, least = s, m
		}
	}
	return best
}

// ratios returns the ratios, sorted, of the rounds in which both sides have a result.
func ratios(mine, base []Metrics, unit string) (rs []float64) {
	for i := range min(len(mine), len(base)) {
		x, ok := mine[i][unit]
		y, too := base[i][unit]
		if ok && too && y != 0 {
			rs = append(rs, x/y)
		}
	}
	return sorted(rs)
}

func sorted(xs []float64) []float64 {
	slices.Sort(xs)
	return xs
}

// Median returns the middle value, or the mean of the two middle values, or NaN if xs is empty.
func Median(xs []float64) float64 {
	xs = sorted(slices.Clone(xs))
	n := len(xs)
	switch {
	case n == 0:
		return math.NaN()
	case n%2 == 1:
		return xs[n/2]
	}
	return (xs[n/2-1] + xs[n/2]) / 2
}

// Quartiles returns the values a quarter and three quarters of the way through xs. xs must be
// sorted and not empty.
func Quartiles(xs []float64) (q1, q3 float64) {
	n := len(xs) - 1
	return xs[n/4], xs[n-n/4]
}
