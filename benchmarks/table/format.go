package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/heddle-go/heddle/benchmarks/results"
)

// tableOf returns the lines as a Markdown table. Rows that heddle loses are bold.
func tableOf(lines []results.Line) string {
	var b strings.Builder
	fmt.Fprint(
		&b,
		"| scenario | workers | baseline | which | heddle | ratio | quartiles | to the plain program | thread each |\n"+
			"| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
	)
	for _, l := range lines {
		ratio, spread := ratioAndSpread(l.Ratios)
		cells := []string{
			l.Name(), fmt.Sprint(l.Workers), quantity(l.Base, l.Unit), l.Which, quantity(l.Mine, l.Unit),
			ratio, spread, number(l.Plain), quantity(l.Threaded, l.Unit),
		}
		if l.Lost() {
			cells[0], cells[5] = "**"+cells[0]+"**", "**"+cells[5]+"**"
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	return b.String()
}

// peersOf returns a table of the lines that have peers: which side is first, and how heddle stands
// to the best of the others. Rows in which heddle is not first are bold. Below the table are the
// peers that were absent, with the reasons.
func peersOf(lines []results.Line, absent []string) string {
	var b strings.Builder
	first, rows := 0, 0
	for _, l := range lines {
		others := l.Others()
		if len(l.Peers) == 0 {
			continue
		}
		rows++
		best := others[0]
		ratio, spread := ratioAndSpread(best.Ratios)
		winner := best.Name
		scenario := "**" + l.Name() + "**"
		if !(results.Median(best.Ratios) > 1) {
			first++
			winner = "heddle"
			scenario = l.Name()
		}
		var rest []string
		for _, o := range others[1:] {
			rest = append(rest, fmt.Sprintf("%s %s", o.Name, quantity(o.Base, l.Unit)))
		}
		fmt.Fprintf(
			&b,
			"| %s | %d | %s | %s | %s, %s | %s | %s | %s |\n",
			scenario,
			l.Workers,
			winner,
			quantity(
				l.Mine, l.Unit,
			),
			best.Name,
			quantity(best.Base, l.Unit),
			ratio,
			spread,
			strings.Join(rest, "; "),
		)
	}
	if rows == 0 {
		return ""
	}
	missing := ""
	for _, a := range absent {
		missing += "\nNot measured: " + a + ".\n"
	}
	return fmt.Sprintf(
		"heddle is first in %d of %d rows. The ratio is heddle's to the best of the others.\n\n",
		first, rows,
	) +
		"| scenario | workers | first | heddle | best of the others | ratio | quartiles | the rest |\n" +
		"| --- | --- | --- | --- | --- | --- | --- | --- |\n" + b.String() + missing
}

// ratioAndSpread formats the median and the quartiles of sorted ratios, or returns empty strings if
// there are none.
func ratioAndSpread(ratios []float64) (ratio, spread string) {
	if len(ratios) == 0 {
		return "", ""
	}
	q1, q3 := results.Quartiles(ratios)
	return number(results.Median(ratios)), number(q1) + " to " + number(q3)
}

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
