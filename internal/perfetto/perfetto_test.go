package perfetto

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The field names and phases are those of the Trace Event Format, and times are in microseconds.
func TestWrite(t *testing.T) {
	ends := Arrow(7, "wake", 0, time.Millisecond, 1, 2*time.Millisecond)
	var b strings.Builder
	require.NoError(t, Write(&b, []Event{
		Row(1, "worker 1"),
		Slice(1, "a", 1500*time.Nanosecond, 2*time.Microsecond, map[string]string{"then": "sleep"}),
		ends[0], ends[1],
	}))
	require.JSONEq(t, `{"traceEvents": [
		{"name": "thread_name", "ph": "M", "ts": 0, "pid": 0, "tid": 1, "args": {"name": "worker 1"}},
		{"name": "a", "ph": "X", "ts": 1.5, "dur": 2, "pid": 0, "tid": 1, "args": {"then": "sleep"}},
		{"name": "wake", "cat": "wake", "ph": "s", "ts": 1000, "pid": 0, "tid": 0, "id": 7},
		{"name": "wake", "cat": "wake", "ph": "f", "ts": 2000, "pid": 0, "tid": 1, "id": 7, "bp": "e"}
	]}`, b.String())
	b.Reset()
	require.NoError(t, Write(&b, nil))
	require.JSONEq(t, `{"traceEvents": []}`, b.String())
}
