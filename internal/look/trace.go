package look

import (
	"fmt"
	"io"
	"sort"
	"time"

	"github.com/heddle-go/heddle/internal/perfetto"
	"github.com/heddle-go/heddle/internal/rt"
)

// WriteTrace writes the dispatches that end at the time since or later as a trace for
// ui.perfetto.dev. rows has those of each worker, the oldest first.
func WriteTrace(w io.Writer, rows [][]Dispatch, since int64) error {
	return perfetto.Write(w, traceEvents(rows, since))
}

// traceEvents returns the trace of the dispatches that end at the time since or later. rows has
// those of each worker, the oldest first.
func traceEvents(rows [][]Dispatch, since int64) []perfetto.Event {
	var t tracer
	for id, row := range rows {
		first := sort.Search(len(row), func(i int) bool { return row[i].end >= since })
		t.rows = append(t.rows, row[first:])
		t.add(perfetto.Row(id, fmt.Sprintf("worker %d", id)))
	}
	for id, row := range t.rows {
		for i := range row {
			t.dispatch(id, &row[i])
		}
	}
	if t.outside {
		t.add(perfetto.Row(len(rows), "timers and goroutines"))
	}
	return t.events
}

// A tracer collects the events of a trace.
type tracer struct {
	rows    [][]Dispatch // what is shown of each worker
	events  []perfetto.Event
	arrows  int
	outside bool // there is a row for timers and goroutines
}

func (t *tracer) add(e ...perfetto.Event) { t.events = append(t.events, e...) }

// dispatch adds the slice of e, which is in row id, and its arrows.
func (t *tracer) dispatch(id int, e *Dispatch) {
	name := e.name
	if name == "" {
		name = fmt.Sprintf("(%p)", e.d)
	}
	args := map[string]string{"task": fmt.Sprintf("%p/%d", e.d, e.gen)}
	if e.wait != "" {
		args["then"] = e.wait
	}
	t.add(perfetto.Slice(id, name, time.Duration(e.begin), time.Duration(e.end-e.begin), args))
	switch e.woken.By {
	case rt.ByTask:
		t.arrow("wake", e.woken.Worker, e.woken.At, id, e.begin)
	case rt.ByTimer:
		t.arrowFromOutside("timer", e.woken.At, id, e.begin)
	case rt.ByGoroutine:
		t.arrowFromOutside("goroutine", e.woken.At, id, e.begin)
	}
	if e.from >= 0 {
		t.arrow("steal", e.from, e.begin, id, e.begin)
	}
}

// arrow adds an arrow that leaves row from at the time fromAt. Viewers drop an arrow that does not
// begin inside a slice. So arrow looks for the last dispatch of row from that began by fromAt. If
// that dispatch ended before fromAt, the arrow begins at its last moment. If there is no such
// dispatch, arrow adds nothing.
func (t *tracer) arrow(kind string, from int, fromAt int64, to int, toAt int64) {
	if from >= len(t.rows) {
		return // Resize has added that worker since WriteTrace began
	}
	row := t.rows[from]
	i := sort.Search(len(row), func(i int) bool { return row[i].begin > fromAt }) - 1
	if i < 0 {
		return
	}
	fromAt = min(fromAt, max(row[i].begin, row[i].end-1))
	t.link(kind, from, fromAt, to, toAt)
}

// arrowFromOutside adds an arrow from the row of timers and goroutines, with a slice of 1 ns to
// begin in.
func (t *tracer) arrowFromOutside(kind string, fromAt int64, to int, toAt int64) {
	t.outside = true
	t.add(perfetto.Slice(len(t.rows), kind, time.Duration(fromAt), 1, nil))
	t.link(kind, len(t.rows), fromAt, to, toAt)
}

func (t *tracer) link(kind string, from int, fromAt int64, to int, toAt int64) {
	t.arrows++
	ends := perfetto.Arrow(t.arrows, kind, from, time.Duration(fromAt), to, time.Duration(toAt))
	t.add(ends[:]...)
}
