package results

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Raw is the text of one run of the table command: what was measured where, and each result. The
// text is in the Go benchmark format, so benchstat reads it too. A line "round: N" precedes the
// results of round N, which counts from 0.
type Raw struct {
	Machine string
	Command string   // the command line that measured
	Rounds  int      // that the command was to do
	Absent  []string // for each peer that could not be measured, its name, a colon and the reason
	Names   []Row    // all rows that have a result, in the order of their first one
	results []result
}

type result struct {
	name    string
	round   int
	metrics Metrics
}

// A Writer writes the text as the results come. The first error of the underlying writer is
// returned by that call and by all later ones.
type Writer struct {
	w     io.Writer
	round int
	err   error
}

// NewWriter writes the head of the text, for which r.Names is not used.
func NewWriter(w io.Writer, r Raw) (*Writer, error) {
	out := &Writer{w: w, round: -1}
	out.printf("machine: %s\ncommand: %s\nrounds: %d\n", r.Machine, r.Command, r.Rounds)
	for _, a := range r.Absent {
		out.printf("absent: %s\n", a)
	}
	return out, out.err
}

func (w *Writer) printf(format string, a ...any) {
	if w.err == nil {
		_, w.err = fmt.Fprintf(w.w, format, a...)
	}
}

// Add writes the result of one row in one round.
func (w *Writer) Add(name string, round int, m Metrics) error {
	if round != w.round {
		w.printf("round: %d\n", round)
		w.round = round
	}
	w.printf("%s 1", name)
	for _, unit := range slices.Sorted(maps.Keys(m)) {
		w.printf(" %s %s", strconv.FormatFloat(m[unit], 'g', -1, 64), unit)
	}
	w.printf("\n")
	return w.err
}

// maxRound bounds the rounds of a text, so that a wrong number costs no memory.
const maxRound = 10_000

// Read reads what a Writer wrote.
func Read(in io.Reader) (*Raw, error) {
	r := &Raw{}
	known := map[string]bool{}
	round := -1
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		var err error
		if !strings.HasPrefix(text, "Benchmark") {
			err = r.setting(text, &round)
		} else {
			err = r.result(text, round, known)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(r.results) == 0 {
		return nil, errors.New("the text has no results")
	}
	return r, nil
}

// setting reads a line of the form "key: value". Keys that it does not know are left out.
func (r *Raw) setting(text string, round *int) (err error) {
	key, value, _ := strings.Cut(text, ": ")
	number := func(least int) (n int) {
		if n, err = strconv.Atoi(value); err == nil && (n < least || n > maxRound) {
			err = fmt.Errorf("%s is %d, want %d to %d", key, n, least, maxRound)
		}
		return n
	}
	switch key {
	case "machine":
		r.Machine = value
	case "command":
		r.Command = value
	case "absent":
		r.Absent = append(r.Absent, value)
	case "rounds":
		r.Rounds = number(1)
	case "round":
		*round = number(0)
	}
	return err
}

func (r *Raw) result(text string, round int, known map[string]bool) error {
	fields := strings.Fields(text)
	row, err := ParseRow(fields[0])
	if err != nil {
		return err
	}
	if round < 0 {
		return fmt.Errorf("%s: no line \"round: N\" before it", row.Full)
	}
	m, err := ParseMetrics(fields)
	if err != nil {
		return fmt.Errorf("%s: %w", row.Full, err)
	}
	if !known[row.Full] {
		known[row.Full] = true
		r.Names = append(r.Names, row)
	}
	r.results = append(r.results, result{row.Full, round, m})
	return nil
}

// ParseMetrics reads the fields of a benchmark's line: its name, the number of runs, and pairs of a
// value and its unit.
func ParseMetrics(fields []string) (Metrics, error) {
	if len(fields) < 4 || len(fields)%2 != 0 {
		return nil, fmt.Errorf(
			"want a name, a number of runs, and values with units, not %q", fields,
		)
	}
	m := Metrics{}
	for i := 2; i+1 < len(fields); i += 2 {
		v, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return nil, err
		}
		m[fields[i+1]] = v
	}
	return m, nil
}

// Groups returns the groups of the rows of heddle that match rows, with their results.
func (r *Raw) Groups(rows *regexp.Regexp) []*Group {
	gs := Groups(r.Names, rows)
	all := map[string][]*Series{} // a row can be in several groups
	for _, g := range gs {
		for _, s := range g.All() {
			all[s.Full] = append(all[s.Full], s)
		}
	}
	rounds := 0
	for _, x := range r.results {
		rounds = max(rounds, x.round+1)
	}
	for _, ss := range all {
		for _, s := range ss {
			s.Rounds = make([]Metrics, rounds)
		}
	}
	// A row that several groups compare with ran once for each of them, in the order of the groups.
	type run struct {
		name  string
		round int
	}
	seen := map[run]int{}
	for _, x := range r.results {
		k := run{x.name, x.round}
		if ss := all[x.name]; len(ss) > 0 {
			ss[min(seen[k], len(ss)-1)].Rounds[x.round] = x.metrics
		}
		seen[k]++
	}
	return gs
}

// RoundsOf returns the largest number of results that a row of the groups has.
func RoundsOf(gs []*Group) (n int) {
	for _, g := range gs {
		for _, s := range g.All() {
			k := 0
			for _, m := range s.Rounds {
				if m != nil {
					k++
				}
			}
			n = max(n, k)
		}
	}
	return n
}
