package schedtest

import (
	"encoding/json"
	"fmt"
	"os"
)

// A traceFile is a failing run as JSON. It is also a trace in the Trace Event Format, which
// Perfetto (ui.perfetto.dev) and chrome://tracing show. They ignore the fields that they do not
// know.
type traceFile struct {
	Test     string       `json:"test"`
	Kind     string       `json:"kind"` // "" if the schedule has not failed
	Message  string       `json:"message"`
	Schedule string       `json:"schedule"`
	Events   []traceEvent `json:"traceEvents"`
}

// A traceEvent is a step, or the name of a task. Each task is a row.
type traceEvent struct {
	Name  string            `json:"name"`
	Phase string            `json:"ph"` // X: a step, with begin and length; M: the name of a row
	At    int               `json:"ts"` // a step is a microsecond
	For   int               `json:"dur,omitempty"`
	Pid   int               `json:"pid"`
	Tid   int               `json:"tid"`
	Args  map[string]string `json:"args"`
}

// writeTrace writes the run of f to the file that HEDDLE_TRACE names, if it names one.
func writeTrace(test string, f *failure) error {
	file := os.Getenv(envTrace)
	if file == "" {
		return nil
	}
	t := traceFile{Test: test, Message: f.message, Schedule: f.schedule, Events: []traceEvent{}}
	if f.kind != 0 {
		t.Kind = f.kind.String()
	}
	named := map[int]bool{}
	for i, s := range f.steps {
		if !named[s.id] {
			named[s.id] = true
			args := map[string]string{"name": s.task}
			t.Events = append(t.Events, traceEvent{Name: "thread_name", Phase: "M", Tid: s.id, Args: args})
		}
		args := map[string]string{"where": s.where}
		t.Events = append(t.Events, traceEvent{Name: s.what, Phase: "X", At: i, For: 1, Tid: s.id, Args: args})
	}
	b, err := json.MarshalIndent(t, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, append(b, '\n'), 0o666); err != nil {
		return fmt.Errorf("schedtest: %s: %w", envTrace, err)
	}
	return nil
}
