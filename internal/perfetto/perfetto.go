// Package perfetto writes traces as JSON in the Trace Event Format. ui.perfetto.dev and
// chrome://tracing show such a trace as rows with slices, and arrows between slices.
package perfetto

import (
	"encoding/json"
	"io"
	"time"
)

// An Event is one element of the array traceEvents. Row, Slice and Arrow make them.
type Event struct {
	Name  string            `json:"name"`
	Kind  string            `json:"cat,omitempty"`
	Phase string            `json:"ph"` // X: a slice; M: a name; s and f: the two ends of an arrow
	At    float64           `json:"ts"` // in microseconds
	For   float64           `json:"dur,omitempty"`
	Pid   int               `json:"pid"`
	Row   int               `json:"tid"`
	ID    int               `json:"id,omitempty"`
	Bind  string            `json:"bp,omitempty"`
	Args  map[string]string `json:"args,omitempty"`
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// Row returns the event that names a row.
func Row(row int, name string) Event {
	return Event{Name: "thread_name", Phase: "M", Row: row, Args: map[string]string{"name": name}}
}

// Slice returns a slice of a row that begins at the time at and lasts long. args may be nil.
func Slice(row int, name string, at, long time.Duration, args map[string]string) Event {
	return Event{Name: name, Phase: "X", At: micros(at), For: micros(long), Row: row, Args: args}
}

// Arrow returns the two ends of an arrow. It leads from the slice that row from has at the time
// fromAt, to the slice of row to that begins at the time toAt. Each arrow of a trace needs an id of
// its own, above 0.
func Arrow(id int, kind string, from int, fromAt time.Duration, to int, toAt time.Duration) [2]Event {
	return [2]Event{
		{Name: kind, Kind: kind, Phase: "s", At: micros(fromAt), Row: from, ID: id},
		{Name: kind, Kind: kind, Phase: "f", At: micros(toAt), Row: to, ID: id, Bind: "e"},
	}
}

// Write writes a trace of the events.
func Write(w io.Writer, events []Event) error {
	if events == nil {
		events = []Event{}
	}
	return json.NewEncoder(w).Encode(struct {
		Events []Event `json:"traceEvents"`
	}{events})
}
