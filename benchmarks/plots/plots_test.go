package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const recorded = "data/table.txt"

// drawn runs the command on the results in a text and returns the files that it has drawn.
func drawn(t *testing.T, text string, flags ...string) (names []string, errs string, code int) {
	t.Helper()
	dir := t.TempDir()
	from, out := filepath.Join(dir, "table.txt"), filepath.Join(dir, "out")
	require.NoError(t, os.WriteFile(from, []byte(text), 0o600))
	require.NoError(t, os.Mkdir(out, 0o700))
	var stdout, stderr bytes.Buffer
	code = run(
		context.Background(), append([]string{"-from", from, "-out", out}, flags...), &stdout,
		&stderr,
	)
	files, err := filepath.Glob(filepath.Join(out, "*"))
	require.NoError(t, err)
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		requireXML(t, text)
		names = append(names, filepath.Base(f))
	}
	return names, stderr.String(), code
}

// requireXML checks that a picture is XML throughout, and has shapes and text but no wrong number.
func requireXML(t *testing.T, text []byte) {
	t.Helper()
	elements := map[string]int{}
	d := xml.NewDecoder(bytes.NewReader(text))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if e, ok := token.(xml.StartElement); ok {
			elements[e.Name.Local]++
		}
	}
	require.Equal(t, 1, elements["svg"])
	require.Positive(t, elements["path"])
	require.Positive(t, elements["text"])
	require.NotContains(t, string(text), "NaN")
	require.NotContains(t, string(text), "Inf")
}

func recordedText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(recorded)
	require.NoError(t, err)
	return string(text)
}

// TestPictures checks that the recorded results give the pictures that are committed beside them,
// by their names, and that these have their scenarios' names in them.
func TestPictures(t *testing.T) {
	names, errs, code := drawn(t, recordedText(t))
	require.Equal(t, 0, code, errs)
	committed, err := filepath.Glob("*.svg")
	require.NoError(t, err)
	require.Equal(t, committed, names)
	require.Len(t, names, len(pictures))
	for name, want := range map[string]string{
		"ratios-programs.svg": "Pipeline", "ratios-computing.svg": "Sort", "peers.svg": "pond",
		"service.svg": "semaphore",
	} {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Contains(t, string(text), want)
	}
}

// TestOnly checks that -only draws some of the pictures, and refuses a name that no picture has.
func TestOnly(t *testing.T) {
	names, errs, code := drawn(t, recordedText(t), "-only", "^(service|timers)$")
	require.Equal(t, 0, code, errs)
	require.Equal(t, []string{"service.svg", "timers.svg"}, names)
	names, errs, code = drawn(t, recordedText(t), "-only", "nothing")
	require.Equal(t, 1, code)
	require.Empty(t, names)
	require.Contains(
		t, errs, "-only nothing: no picture matches; they are called ratios-programs, ratios-tasks",
	)
}

// TestMissing checks that a row that is missing is named, with the picture that needs it, and that
// nothing is drawn then.
func TestMissing(t *testing.T) {
	for want, parts := range map[string][]string{
		"ratios-programs": {"BenchmarkPipeline"},
		"ratios-waiting":  {"BenchmarkSelect"},
		"timers":          {"BenchmarkTimers/impl=goroutines/workers=2/pending=100", " "},
		"service":         {"BenchmarkService/impl=heddle/workers=2/load=90/", ""},
		"workers":         {"BenchmarkOversubscribed/impl=heddle/workers=64/", ""},
		"outstanding":     {"BenchmarkSpawn/impl=heddle/workers=2/outstanding=1", " "},
	} {
		part := strings.Join(parts, "")
		want += ".svg: there is no result of " + parts[0]
		lines := slices.Collect(strings.Lines(recordedText(t)))
		kept := slices.DeleteFunc(
			slices.Clone(lines),
			func(l string) bool { return strings.HasPrefix(l, part) },
		)
		require.Less(t, len(kept), len(lines), part)
		names, errs, code := drawn(t, strings.Join(kept, ""))
		require.Equal(t, 1, code)
		require.Empty(t, names)
		require.Contains(t, errs, want)
	}
	const points = " p90-of-pool-ns"
	_, errs, code := drawn(t, strings.ReplaceAll(recordedText(t), points, points+"x"))
	require.Equal(t, 1, code)
	require.Contains(t, errs, "have no p90-of-pool-ns")
}

// TestBadInput checks the errors of the command line and of the file.
func TestBadInput(t *testing.T) {
	_, errs, code := drawn(t, "")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "the text has no results")
	for _, c := range []struct{ args, want string }{
		{"-rounds 0", "-rounds 0: want 1 to 1000"}, {"-only x(", "-only"}, {"x", "want flags only"},
	} {
		var out, errs bytes.Buffer
		require.Equal(t, 2, run(context.Background(), strings.Fields(c.args), &out, &errs))
		require.Contains(t, errs.String(), c.want)
	}
	var out, errsOf bytes.Buffer
	require.Equal(
		t,
		1,
		run(
			context.Background(), []string{"-from", filepath.Join(t.TempDir(), "none")}, &out,
			&errsOf,
		),
	)
	require.Contains(t, errsOf.String(), "no such file")
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{0.05: "0.05", 20: "20", 5000: "5000", 10_000: "10k", 1e6: "1M"} {
		require.Equal(t, want, short(v))
	}
	labels := func(low, high float64) (ls []string) {
		for _, tick := range steps(low, high) {
			if tick.Label != "" {
				ls = append(ls, tick.Label)
			}
		}
		return ls
	}
	require.Equal(t, []string{"0.5", "1", "2", "5"}, labels(0.4, 6))
	require.Equal(t, []string{"1", "10", "100", "1000"}, labels(0.9, 5000))
	require.Len(t, even(7.2), 8)
	require.Len(t, even(520), 6)
	back, front := shade(100)
	require.Equal(t, blue, back)
	require.Equal(t, uint8(0xff), front.R)
	back, _ = shade(0.01)
	require.Equal(t, orange, back)
	back, front = shade(1)
	require.Equal(t, uint8(0xff), back.R)
	require.Equal(t, ink, front)
}
