package task

import "encoding"

// Logs and JSON show tasks, contexts, states and levels in the form that String returns.
var (
	_ encoding.TextMarshaler = Task{}
	_ encoding.TextMarshaler = (*Ctx)(nil)
	_ encoding.TextMarshaler = State(0)
	_ encoding.TextMarshaler = Level(0)
)

// MarshalText returns [Task.String], for log/slog and encoding/json. It never fails.
func (t Task) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// MarshalText returns [Ctx.String], for log/slog and encoding/json. It never fails.
func (c *Ctx) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// MarshalText returns [State.String], for log/slog and encoding/json. It never fails.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalText returns [Level.String], for log/slog and encoding/json. It never fails.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }
