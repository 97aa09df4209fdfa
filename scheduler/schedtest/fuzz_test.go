package schedtest

import (
	"encoding/hex"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/selfexec"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// If envFuzz is set in the environment, it has an input for FuzzCounter, in hex, and FuzzCounter
// tests lostUpdate.
const envFuzz = "HEDDLE_TEST_FUZZ"

// The fuzzer's bytes are the schedule.
func FuzzCounter(f *testing.F) {
	if text := os.Getenv(envFuzz); text != "" {
		input, err := hex.DecodeString(text)
		require.NoError(f, err)
		f.Add(input)
		Fuzz(f, func(_ *testing.T, c *task.Ctx) { lostUpdate(c) })
		return
	}
	f.Add([]byte{1, 2, 0, 1, 1, 255, 3})
	Fuzz(f, func(t *testing.T, c *task.Ctx) {
		n := 0
		var mu tsync.Mutex
		both(func() {
			mu.Lock()
			n++
			mu.Unlock()
		})
		require.Equal(t, 2, n)
	})
}

// An input that fails is reported with its run and a schedule, and the schedule replays the run.
func TestFuzzFails(t *testing.T) {
	f := find(t, Config{}, lostUpdate)
	s, err := parseSchedule(f.schedule)
	require.NoError(t, err)
	var input []byte
	for _, k := range s.choices {
		input = append(input, byte(k))
	}
	child := func(schedule string) string {
		cmd := selfexec.Command(t.Context(), "-test.run=^FuzzCounter$", "-test.timeout=1m")
		cmd.Env = append(os.Environ(), envFuzz+"="+hex.EncodeToString(input), envSchedule+"="+schedule)
		out, err := cmd.CombinedOutput()
		require.Error(t, err, "%s", out)
		lines := regexp.MustCompile(`(?m)^ +`) // t.Fatal indents them
		got := lines.ReplaceAllString(string(out), "")
		require.Contains(t, got, "the steps:\n"+lines.ReplaceAllString(table(f.steps), ""))
		return got
	}
	out := child("")
	require.Contains(t, out, "assertion failed, the input's schedule")
	m := regexp.MustCompile(envSchedule + `=(\S+)`).FindStringSubmatch(out)
	require.Len(t, m, 2, out)
	require.Contains(t, child(m[1]), "assertion failed, the schedule that was given")
}
