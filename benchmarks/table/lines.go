package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// A line is one line of the table. It shows one measure of one row of heddle.
type line struct {
	row
	title    string
	measure  string // empty for the time of one op
	unit     string
	base     float64   // median of the best baseline, or NaN
	which    string    // name of that baseline
	mine     float64   // median of heddle
	ratios   []float64 // ratios of the rounds, sorted; empty if there is no baseline
	plain    float64   // median ratio to the plain program, or NaN
	threaded float64   // median with a thread for each unit, or NaN
}

// linesOf makes the lines of all rows that have a result.
func linesOf(gs []*group) (lines []line) {
	for _, g := range gs {
		for _, h := range g.heddle {
			for _, m := range measuresOf(h.rounds) {
				if h.against() != "" {
					lines = append(lines, pairedLine(h, m))
				} else {
					lines = append(lines, g.line(h, m))
				}
			}
		}
	}
	return lines
}

// ownMeasures are units that replace ns/op in the table if a row reports them. measure is the name
// in the table.
var ownMeasures = []struct{ unit, measure string }{
	{"p50-ns", "p50"}, {"p99-ns", "p99"}, {"due-p50-ns", "due p50"}, {"due-p99-ns", "due p99"},
	{"B/task", "memory"}, {"rss-B/task", "resident"}, {"peak-B/task", "peak resident"},
	{"cpu-ns/sleep", "CPU"}, {"%core", "of a core"},
}

// A measureOf is a measure that a line shows: its name and its unit.
type measureOf struct{ name, unit string }

// measuresOf returns the measures that the rounds of a row report. A row that runs its baselines
// itself reports a ratio for each measure.
func measuresOf(rounds []metrics) (ms []measureOf) {
	i := slices.IndexFunc(rounds, func(m metrics) bool { return m != nil })
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

// pairedLine makes a line from the ratios that the row itself reports.
func pairedLine(s *series, m measureOf) line {
	prefix := ""
	if m.name != "" {
		prefix = m.name + "-"
	}
	l := newLine(s.row, m)
	l.which = s.against()
	l.mine, l.base = median(column(s.rounds, m.unit)), median(column(s.rounds, prefix+"base-ns"))
	l.ratios = sorted(column(s.rounds, prefix+"ratio"))
	// If there are several baselines, name the one that most rounds' ratios refer to.
	counts, most := map[string]int{}, 0
	for _, r := range s.rounds {
		for _, name := range strings.Split(s.against(), "+") {
			if to, ok := r[prefix+"ratio-to-"+name]; ok && to == r[prefix+"ratio"] {
				counts[name]++
				if counts[name] > most {
					most, l.which = counts[name], name
				}
			}
		}
	}
	return l
}

// line compares a row with the best of the group's rows of goroutines.
func (g *group) line(h *series, m measureOf) line {
	l := newLine(h.row, m)
	l.mine = median(column(h.rounds, m.unit))
	if best := leastMedian(g.goroutines, m.unit); best != nil {
		l.base = median(column(best.rounds, m.unit))
		l.which = best.nameIn(g)
		l.ratios = ratios(h.rounds, best.rounds, m.unit)
	}
	if best := leastMedian(g.plain, m.unit); best != nil {
		l.plain = median(ratios(h.rounds, best.rounds, m.unit))
	}
	if best := leastMedian(g.threads, m.unit); best != nil {
		l.threaded = median(column(best.rounds, m.unit))
	}
	return l
}

func newLine(r row, m measureOf) line {
	return line{row: r, title: r.title("against"), measure: m.name, unit: m.unit, base: math.NaN(), plain: math.NaN(), threaded: math.NaN()}
}

// nameIn names a baseline by the keys that distinguish it from others in the group.
func (s *series) nameIn(g *group) string {
	if name, ok := strings.CutPrefix(s.title(g.shared...), s.bench+"/"); ok {
		return name
	}
	return s.impl
}

// leastMedian returns the series with the least median, or nil if none has a result.
func leastMedian(all []*series, unit string) (best *series) {
	least := math.Inf(1)
	for _, s := range all {
		if m := median(column(s.rounds, unit)); m < least { // false if the median is NaN
			best, least = s, m
		}
	}
	return best
}

// column returns the values of one unit, from the rounds that have it.
func column(rounds []metrics, unit string) (xs []float64) {
	for _, m := range rounds {
		if v, ok := m[unit]; ok {
			xs = append(xs, v)
		}
	}
	return xs
}

// ratios returns the ratios, sorted, of the rounds in which both sides have a result.
func ratios(mine, base []metrics, unit string) (rs []float64) {
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

// median returns the middle value, or the mean of the two middle values, or NaN if xs is empty.
func median(xs []float64) float64 {
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

// quartiles returns the values a quarter and three quarters of the way through xs. xs must be
// sorted and not empty.
func quartiles(xs []float64) (q1, q3 float64) {
	n := len(xs) - 1
	return xs[n/4], xs[n-n/4]
}

// tableOf returns the lines as a Markdown table. Rows that heddle loses are bold.
func tableOf(lines []line) string {
	var b strings.Builder
	fmt.Fprint(&b, "| scenario | workers | baseline | which | heddle | ratio | quartiles | to the plain program | thread each |\n"+
		"| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, l := range lines {
		ratio, spread := "", ""
		if len(l.ratios) > 0 {
			q1, q3 := quartiles(l.ratios)
			ratio, spread = number(median(l.ratios)), number(q1)+" to "+number(q3)
		}
		cells := []string{l.name(), fmt.Sprint(l.workers), quantity(l.base, l.unit), l.which, quantity(l.mine, l.unit), ratio, spread,
			number(l.plain), quantity(l.threaded, l.unit)}
		if l.lost() {
			cells[0], cells[5] = "**"+cells[0]+"**", "**"+cells[5]+"**"
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	return b.String()
}

// name returns the line's first cell.
func (l line) name() string {
	if l.measure == "" {
		return l.title
	}
	return l.title + ", " + l.measure
}

// lost reports whether heddle takes more than its baseline.
func (l line) lost() bool { return len(l.ratios) > 0 && median(l.ratios) > 1 }

// number formats a ratio with two significant digits.
func number(x float64) string {
	switch {
	case math.IsNaN(x):
		return ""
	case x >= 10:
		return fmt.Sprintf("%.0f", x)
	case x >= 0.095:
		return fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.2g", x)
}

// quantity formats a value with its unit.
func quantity(x float64, unit string) string {
	switch {
	case math.IsNaN(x):
		return ""
	case unit == "%core":
		return fmt.Sprintf("%.2g%%", x)
	case strings.Contains(unit, "B/"):
		return thousands(x) + " B"
	}
	for _, u := range []struct {
		name string
		ns   float64
	}{{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}} {
		if x >= 10*u.ns {
			return fmt.Sprintf("%.0f %s", x/u.ns, u.name)
		}
		if x >= u.ns {
			return fmt.Sprintf("%.1f %s", x/u.ns, u.name)
		}
	}
	if x < 10 {
		return fmt.Sprintf("%.1f ns", x)
	}
	return fmt.Sprintf("%.0f ns", x)
}

// thousands formats a number with commas.
func thousands(x float64) string {
	s := fmt.Sprintf("%.0f", x)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
