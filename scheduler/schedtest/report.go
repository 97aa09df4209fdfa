package schedtest

import (
	"fmt"
	"slices"
	"strings"
)

// mostColumns is how many tasks a table has columns for.
const mostColumns = 6

// mostSteps is how many steps a report shows. If there are more, it leaves out the beginning,
// because the end of a livelock shows which steps repeat.
const mostSteps = 200

// report returns the text with which a test fails.
func report(test string, f *failure, which string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "schedtest: %v, %s\n%s\n\n", f.kind, which, f.message)
	pattern := strings.ReplaceAll(test, "/", "$/^")
	fmt.Fprintf(&b, "to replay it: HEDDLE_SCHEDULE=%s go test -run '^%s$'\n", f.schedule, pattern)
	if len(f.steps) > 0 {
		title := "the steps"
		if f.shrunk {
			title = "the shortest failing schedule that was found"
		}
		fmt.Fprintf(&b, "\n%s:\n%s", title, table(f.steps))
	}
	return b.String()
}

// table shows the steps with a column for each task. If there are many tasks, it shows their names
// in one column instead.
func table(steps []step) string {
	var b strings.Builder
	if n := len(steps) - mostSteps; n > 0 {
		fmt.Fprintf(&b, "(%d steps before)\n", n)
	}
	first := max(0, len(steps)-mostSteps)
	var ids []int // in the order of the columns
	width, names := map[int]int{}, map[int]string{}
	for _, s := range steps[first:] {
		if names[s.id] == "" {
			ids = append(ids, s.id)
			width[s.id] = len(s.task)
			names[s.id] = s.task
		}
		width[s.id] = max(width[s.id], len(s.text()))
	}
	slices.Sort(ids)
	if len(ids) > mostColumns {
		for i, s := range steps[first:] {
			fmt.Fprintf(&b, "%5d  %-20s %s\n", first+i, s.task, s.text())
		}
		return b.String()
	}
	b.WriteString(" step")
	for _, id := range ids {
		fmt.Fprintf(&b, "  %-*s", width[id], names[id])
	}
	trimRight(&b)
	for i, s := range steps[first:] {
		fmt.Fprintf(&b, "%5d", first+i)
		for _, id := range ids {
			text := ""
			if id == s.id {
				text = s.text()
			}
			fmt.Fprintf(&b, "  %-*s", width[id], text)
		}
		trimRight(&b)
	}
	return b.String()
}

// trimRight ends a line without blanks.
func trimRight(b *strings.Builder) {
	s := strings.TrimRight(b.String(), " ")
	b.Reset()
	b.WriteString(s)
	b.WriteByte('\n')
}

// text returns the text of the step in its cell.
func (s step) text() string {
	if s.where == "" {
		return s.what
	}
	return s.what + " " + s.where
}
