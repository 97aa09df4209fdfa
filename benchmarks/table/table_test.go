package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heddle-go/heddle/benchmarks/results"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func parseRows(t *testing.T, names ...string) (rows []results.Row) {
	t.Helper()
	for _, n := range names {
		r, err := results.ParseRow("Benchmark" + n)
		require.NoError(t, err)
		rows = append(rows, r)
	}
	return rows
}

func TestParseList(t *testing.T) {
	rows, err := parseList("goos: linux\ncpu: Some CPU\nrow BenchmarkA/impl=heddle/workers=1\nBenchmarkB \trow BenchmarkB/impl=heddle/workers=2/k=v\nPASS\n")
	require.NoError(t, err)
	require.Equal(t, parseRows(t, "A/impl=heddle/workers=1", "B/impl=heddle/workers=2/k=v"), rows)
	require.Equal(t, "Some CPU", cpuOf("goos: linux\ncpu: Some CPU\n"))
	require.Equal(t, []string{"rayon: no cargo", "tokio: no crate"}, absentOf("absent rayon: no cargo\nrow x\nBenchmarkA absent tokio: no crate\n"))
	_, err = parseList("PASS\n")
	require.Error(t, err)
}

func TestParseResult(t *testing.T) {
	const name = "BenchmarkA/impl=heddle/workers=2/n=10"
	for _, suffix := range []string{"", "-2", "-16"} {
		m, err := parseResult("cpu: x\n"+name+suffix+"   \t 300\t  12.5 ns/op\t 7 p99-ns\t 0 allocs/op\nPASS\n", name)
		require.NoError(t, err)
		require.Equal(t, results.Metrics{"ns/op": 12.5, "p99-ns": 7, "allocs/op": 0}, m)
	}
	_, err := parseResult(name+"0-2 300 1 ns/op\n", name)
	require.ErrorContains(t, err, "no result", "another results.Row, whose name is longer")
	_, err = parseResult(name+"-2 300 many ns/op\n", name)
	require.ErrorContains(t, err, "many")
}

func TestExactly(t *testing.T) {
	require.Equal(t, `^BenchmarkA$/^impl=heddle$/^against=a\+b$`, exactly("BenchmarkA/impl=heddle/against=a+b"))
}

// A script is a runner's answers: a list of values for each row, one for each round.
type script struct {
	times map[string][]results.Metrics
	order []string
}

func (s *script) run(_ context.Context, r results.Row, _ string, round int) (results.Metrics, error) {
	name := strings.TrimPrefix(r.Full, "Benchmark")
	s.order = append(s.order, name)
	m := s.times[name][round]
	if m == nil {
		return nil, errors.New("wrong answer")
	}
	return m, nil
}

func ns(times ...float64) (ms []results.Metrics) {
	for _, x := range times {
		ms = append(ms, results.Metrics{"ns/op": x})
	}
	return ms
}

// steady returns an estimate whose clock moves on by a second at each look.
func steady() *estimate {
	now := time.Unix(0, 0)
	return newEstimate(func() time.Time {
		now = now.Add(time.Second)
		return now
	})
}

func TestTable(t *testing.T) {
	s := &script{times: map[string][]results.Metrics{
		"A/impl=heddle/workers=1":                ns(100, 300, 200),
		"A/impl=goroutines/workers=1":            ns(400, 400, 400),
		"A/impl=goroutines/workers=1/style=pool": ns(50, 150, 2000),
		"A/impl=sequential/workers=1":            ns(100, 100, 100),
		"A/impl=threads/workers=1":               ns(5e6, 5e6, 5e6),
		"B/impl=heddle/workers=2/load=50/against=each+pool": {
			{"ns/op": 2e3, "base-ns": 1e3, "ratio": 2, "ratio-to-each": 2, "ratio-to-pool": 1, "p99-ns": 5, "p99-base-ns": 10, "p99-ratio": 0.5, "p99-ratio-to-each": 0.25, "p99-ratio-to-pool": 0.5},
			{"ns/op": 4e3, "base-ns": 1e3, "ratio": 4, "ratio-to-each": 4, "ratio-to-pool": 1, "p99-ns": 5, "p99-base-ns": 10, "p99-ratio": 0.5, "p99-ratio-to-each": 0.25, "p99-ratio-to-pool": 0.5},
			{"ns/op": 3e3, "base-ns": 1e3, "ratio": 3, "ratio-to-each": 1, "ratio-to-pool": 3, "p99-ns": 5, "p99-base-ns": 10, "p99-ratio": 0.5, "p99-ratio-to-each": 0.25, "p99-ratio-to-pool": 0.5},
		},
		"C/impl=heddle/workers=1": {{"ns/op": 1, "B/task": 2870}, {"ns/op": 1, "B/task": 2870}, {"ns/op": 1, "B/task": 2870}},
	}}
	names := parseRows(t, "A/impl=heddle/workers=1", "A/impl=goroutines/workers=1", "A/impl=goroutines/workers=1/style=pool", "A/impl=sequential/workers=1",
		"A/impl=threads/workers=1", "B/impl=heddle/workers=2/load=50/against=each+pool", "C/impl=heddle/workers=1")
	gs := results.Groups(names, anyRow)
	e := steady()
	var shown []string // at each run
	run := func(ctx context.Context, r results.Row, benchtime string, round int) (results.Metrics, error) {
		shown = append(shown, e.String())
		return s.run(ctx, r, benchtime, round)
	}
	var errs bytes.Buffer
	require.NoError(t, collect(context.Background(), gs, settings{rounds: 3}, run, e, &errs))
	require.Equal(t, 3, results.RoundsOf(gs))
	require.Equal(t, `| scenario | workers | baseline | which | heddle | ratio | quartiles | to the plain program | thread each |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| **A** | 1 | 150 ns | style=pool | 200 ns | **2.00** | 0.10 to 2.00 | 2.00 | 5.0 ms |
| **B/load=50** | 2 | 1.0 us | each | 3.0 us | **3.00** | 2.00 to 4.00 |  |  |
| B/load=50, p99 | 2 | 10 ns | pool | 5.0 ns | 0.50 | 0.50 to 0.50 |  |  |
| C, memory | 1 |  |  | 2,870 B |  |  |  |  |
`, tableOf(results.Lines(gs)))

	// Another row begins in each round.
	require.Equal(t, "A/impl=goroutines/workers=1", s.order[0])
	require.Equal(t, "A/impl=goroutines/workers=1/style=pool", s.order[7])
	require.Equal(t, "A/impl=heddle/workers=1", s.order[14])
	require.Len(t, shown, 21)
	require.Equal(t, "row 1 of 21, round 1 of 3, time left unknown: BenchmarkA/impl=goroutines/workers=1", shown[0])
	require.Equal(t, "row 21 of 21, round 3 of 3, some 1s left: BenchmarkC/impl=heddle/workers=1", shown[20])
	require.True(t, strings.HasSuffix(errs.String(), "21 of 21 rows have run\n"), errs.String())
}

// TestFailure checks that a failing row is reported and the other rows go on.
func TestFailure(t *testing.T) {
	s := &script{times: map[string][]results.Metrics{
		"A/impl=heddle/workers=1": {nil, {"ns/op": 4}}, "A/impl=goroutines/workers=1": ns(1, 2), "B/impl=heddle/workers=1": {nil, nil},
	}}
	gs := results.Groups(parseRows(t, "A/impl=heddle/workers=1", "A/impl=goroutines/workers=1", "B/impl=heddle/workers=1"), anyRow)
	var errs bytes.Buffer
	err := collect(context.Background(), gs, settings{rounds: 2}, s.run, steady(), &errs)
	require.EqualError(t, err, "3 runs have failed, the first of them: BenchmarkA/impl=heddle/workers=1: wrong answer")
	require.Contains(t, errs.String(), "BenchmarkB/impl=heddle/workers=1: wrong answer\n")
	lines := results.Lines(gs)
	require.Len(t, lines, 1, "nothing is said of B")
	require.Equal(t, []float64{2}, lines[0].Ratios)
}

// TestInterrupted checks that an interrupted run keeps the results so far.
func TestInterrupted(t *testing.T) {
	s := &script{times: map[string][]results.Metrics{"A/impl=heddle/workers=1": ns(1, 2, 3), "A/impl=goroutines/workers=1": ns(2, 2, 2)}}
	gs := results.Groups(parseRows(t, "A/impl=heddle/workers=1", "A/impl=goroutines/workers=1"), anyRow)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	err := collect(ctx, gs, settings{rounds: 3}, func(ctx context.Context, r results.Row, benchtime string, round int) (results.Metrics, error) {
		if round == 2 {
			cancel()
			return nil, errors.New("killed")
		}
		return s.run(ctx, r, benchtime, round)
	}, steady(), io.Discard)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 2, results.RoundsOf(gs))
	require.Equal(t, []float64{0.5, 1}, results.Lines(gs)[0].Ratios)
	require.Contains(t, heading(results.Raw{Rounds: 3}, 2), "Medians of 2 rounds of the command below, which was to do 3.")
}

func TestBenchtime(t *testing.T) {
	for name, want := range map[string]string{
		"Service/impl=heddle/workers=1/load=25/against=each": "3x", "Memory/impl=heddle/workers=1/state=parked": "1x",
		"Hog/impl=heddle/workers=1/from=hog": "300x", "Spawn/impl=heddle/workers=1/outstanding=1000000": "1000000x", "Spawn/impl=heddle/workers=1/outstanding=1": "0.3s",
	} {
		r := parseRows(t, name)[0]
		require.Equal(t, want, benchtimeOf(r, settings{}), name)
		require.Equal(t, "7x", benchtimeOf(r, settings{benchtime: "7x"}))
	}
}

func TestHeading(t *testing.T) {
	require.Equal(t, "CPU, 2 cores. Medians of 5 rounds of the command below. Ratios are heddle's to the baseline; bold is where heddle takes more.\n\n"+
		"    go run ./benchmarks/table -rows 'A|B' -rounds 5\n",
		heading(results.Raw{Machine: "CPU, 2 cores", Rounds: 5, Command: commandLine([]string{"-rows", "A|B", "-rounds", "5"})}, 5))
}

func TestNumbers(t *testing.T) {
	for x, want := range map[float64]string{0.001234: "0.0012", 0.0949: "0.095", 0.1: "0.10", 1: "1.00", 9.994: "9.99", 12.4: "12", math.NaN(): ""} {
		require.Equal(t, want, number(x))
	}
	for _, c := range []struct {
		x    float64
		unit string
		want string
	}{
		{0.95, "ns/op", "0.9 ns"}, {12, "ns/op", "12 ns"}, {1234, "p50-ns", "1.2 us"}, {98_765, "ns/op", "99 us"}, {1.5e6, "ns/op", "1.5 ms"},
		{25e9, "ns/op", "25 s"}, {1_234_567, "B/task", "1,234,567 B"}, {90, "B/task", "90 B"}, {0.03, "%core", "0.03%"}, {math.NaN(), "ns/op", ""},
	} {
		require.Equal(t, c.want, quantity(c.x, c.unit))
	}
}

func TestReplaceTable(t *testing.T) {
	got, err := replaceTable("a\n<!-- table -->\nold\n<!-- /table -->\nb\n", tablePlace, "new\n")
	require.NoError(t, err)
	require.Equal(t, "a\n<!-- table -->\n\nnew\n\n<!-- /table -->\nb\n", got)
	again, err := replaceTable(got, tablePlace, "new\n")
	require.NoError(t, err)
	require.Equal(t, got, again)
	for _, bad := range []string{"", "<!-- table -->\n", "<!-- /table -->\n<!-- table -->\n", got + got, "<!-- peers -->\n<!-- /peers -->\n"} {
		_, err := replaceTable(bad, tablePlace, "new")
		require.Error(t, err, bad)
	}
}

// TestWriteTables checks that either all documents are written, or none.
func TestWriteTables(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		return string(text)
	}
	tables := []table{{"BENCHMARKS.md", tablePlace, "x"}, {"BENCHMARKS.md", peersPlace, "y"}, {"README.md", tablePlace, "z"}}
	place := tablePlace.begin() + tablePlace.end()
	write("BENCHMARKS.md", place+peersPlace.begin()+peersPlace.end())
	write("README.md", "no place")
	require.ErrorContains(t, writeTables(dir, tables...), "README.md: want a line")
	require.Equal(t, place+peersPlace.begin()+peersPlace.end(), read("BENCHMARKS.md"))
	write("README.md", place)
	require.NoError(t, writeTables(dir, tables...))
	require.Contains(t, read("BENCHMARKS.md"), "\nx\n")
	require.Contains(t, read("BENCHMARKS.md"), "\ny\n")
	require.Contains(t, read("README.md"), "\nz\n")
}

func TestReadmeTable(t *testing.T) {
	r := parseRows(t, strings.TrimPrefix(readmeLines[0].row, "Benchmark"))[0]
	l := results.Line{Row: r, Unit: "ns/op", Base: 1000, Mine: 2000, Which: "pool", Ratios: []float64{2}}
	require.Equal(t, "| | goroutines | which | heddle | ratio |\n| --- | --- | --- | --- | --- |\n| "+readmeLines[0].title+" | 1.0 us | pool | 2.0 us | **2.00** |\n",
		readmeTable([]results.Line{l}))
}

// TestPeersTable checks that the table says which side is first, and names what was absent.
func TestPeersTable(t *testing.T) {
	r := parseRows(t, "A/impl=heddle/workers=2")[0]
	ahead := results.Line{Row: r, Title: "A", Unit: "ns/op", Mine: 100, Base: 300, Which: "goroutines", Ratios: []float64{0.3}, Peers: []results.Peer{
		{Name: "pond", Base: 200, Ratios: []float64{0.4, 0.5, 0.6}},
	}}
	behind := ahead
	behind.Title, behind.Peers = "B", []results.Peer{{Name: "rayon", Base: 50, Ratios: []float64{2}}}
	alone := ahead
	alone.Peers = nil
	require.Equal(t, `heddle is first in 1 of 2 rows. The ratio is heddle's to the best of the others.

| scenario | workers | first | heddle | best of the others | ratio | quartiles | the rest |
| --- | --- | --- | --- | --- | --- | --- | --- |
| A | 2 | heddle | 100 ns | pond, 200 ns | 0.50 | 0.40 to 0.60 | goroutines 300 ns |
| **B** | 2 | rayon | 100 ns | rayon, 50 ns | 2.00 | 2.00 to 2.00 | goroutines 300 ns |

Not measured: tokio: no cargo.
`, peersOf([]results.Line{ahead, behind, alone}, []string{"tokio: no cargo"}))
	require.Empty(t, peersOf([]results.Line{alone}, nil))
}

// TestFrom checks that the recorded results of a run give the tables of that run.
func TestFrom(t *testing.T) {
	s := &script{times: map[string][]results.Metrics{
		"A/impl=heddle/workers=1": ns(1, 2, 3), "A/impl=goroutines/workers=1": ns(2, 2, 2), "A/impl=pond/workers=1": ns(8, 8, 8),
	}}
	gs := results.Groups(parseRows(t, "A/impl=heddle/workers=1", "A/impl=goroutines/workers=1", "A/impl=pond/workers=1"), anyRow)
	file := filepath.Join(t.TempDir(), "raw.txt")
	out, err := os.Create(file)
	require.NoError(t, err)
	raw := results.Raw{Machine: "a machine", Command: "the command", Rounds: 3, Absent: []string{"tokio: no cargo"}}
	w, err := results.NewWriter(out, raw)
	require.NoError(t, err)
	require.NoError(t, collect(context.Background(), gs, settings{rounds: 3}, recorded(w, s.run), steady(), io.Discard))
	require.NoError(t, out.Close())
	var want, got, errs bytes.Buffer
	require.NoError(t, show("", settings{}, raw, gs, true, &want))
	require.Contains(t, want.String(), "heddle is first in 1 of 1 rows")
	require.Equal(t, 0, run(context.Background(), []string{"-from", file}, &got, &errs), errs.String())
	require.Equal(t, want.String(), got.String())
	require.Equal(t, 1, run(context.Background(), []string{"-from", file, "-rows", "Nothing"}, &got, &errs))
	require.Contains(t, errs.String(), "-rows Nothing: no row of heddle matches")
	require.Equal(t, 1, run(context.Background(), []string{"-from", file + "x"}, &got, &errs))
}

func TestBadArguments(t *testing.T) {
	for arg, want := range map[string]string{
		"-rounds 0":           "-rounds 0: want 1 to 1000",
		"-rounds 1001":        "-rounds 1001: want 1 to 1000",
		"-rounds x":           "-rounds",
		"-rows x(":            "-rows",
		"-benchtime 0x":       "-benchtime 0x: want",
		"-benchtime 1":        "-benchtime 1: want",
		"-write -rows x":      "-write with -rows x",
		"-write -peers=false": "-write with -peers=false",
		"-from x -rounds 3":   "-from with -rounds",
		"-from x -raw y":      "-from with -raw",
		"extra":               `want flags only, not ["extra"]`,
		"-x":                  "-x",
	} {
		var out, errs bytes.Buffer
		require.Equal(t, 2, run(context.Background(), strings.Fields(arg), &out, &errs), arg)
		require.Contains(t, errs.String(), want)
		require.Contains(t, errs.String(), "usage: table")
		require.Empty(t, out.String())
	}
	var out, errs bytes.Buffer
	require.Equal(t, 0, run(context.Background(), []string{"-h"}, &out, &errs))
	require.Contains(t, errs.String(), "usage: table")
}

// benchmarkNames returns the names of the benchmarks in the source of package benchmarks.
func benchmarkNames(t *testing.T) map[string]bool {
	files, err := filepath.Glob("../*_test.go")
	require.NoError(t, err)
	names := map[string]bool{}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				if name, ok := strings.CutPrefix(fn.Name.Name, "Benchmark"); ok {
					names[name] = true
				}
			}
		}
	}
	require.Contains(t, names, "Spawn")
	return names
}

// leading matches the name at the beginning of a row's first cell.
var leading = regexp.MustCompile(`^\|\s*\**([A-Z][A-Za-z0-9]*)`)

// TestBenchmarksNamesBenchmarks checks that each row of BENCHMARKS.md that begins with a name names
// a benchmark, and that each whole program has a line in the list of scenarios.
func TestBenchmarksNamesBenchmarks(t *testing.T) {
	names := benchmarkNames(t)
	text, err := os.ReadFile("../../BENCHMARKS.md")
	require.NoError(t, err)
	rows := 0
	bugs := false // in a table of package schedtest, whose rows are programs with bugs
	for i, line := range strings.Split(string(text), "\n") {
		bugs = strings.HasPrefix(line, "| bug |") || bugs && strings.HasPrefix(line, "|")
		if m := leading.FindStringSubmatch(line); m != nil && !bugs {
			rows++
			if !names[m[1]] {
				t.Errorf("BENCHMARKS.md:%d: there is no benchmark called %s", i+1, m[1])
			}
		}
	}
	require.Positive(t, rows)
	for _, name := range []string{"Service", "Files", "Pipeline", "ActorTree", "SmallBatch", "Banking"} {
		require.True(t, names[name], name)
		if !strings.Contains(string(text), "\n| "+name) {
			t.Errorf("BENCHMARKS.md does not say what one op of %s is", name)
		}
	}
}

// TestPlacesForTables checks that each document has exactly one place for each of its tables.
func TestPlacesForTables(t *testing.T) {
	for _, name := range []string{"BENCHMARKS.md", "README.md"} {
		text, err := os.ReadFile("../../" + name)
		require.NoError(t, err)
		_, err = replaceTable(string(text), tablePlace, "x")
		require.NoError(t, err, name)
		if name == "BENCHMARKS.md" {
			_, err = replaceTable(string(text), peersPlace, "x")
			require.NoError(t, err, name)
		}
	}
}

// TestRows checks the command against the real rows: it builds the binary, lists the rows and runs
// one.
func TestRows(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the benchmarks; step test of .ci/run runs it")
	}
	var errs bytes.Buffer
	ctx := context.Background()
	bin, err := build(ctx, false, &errs)
	require.NoError(t, err)
	defer bin.remove()
	names, err := bin.list(ctx)
	require.NoError(t, err)
	full := map[string]bool{}
	for _, r := range names {
		require.False(t, full[r.Full], "two rows are called %s", r.Full)
		full[r.Full] = true
	}
	for _, l := range readmeLines {
		require.True(t, full[l.row], "README's table wants %s", l.row)
	}
	require.True(t, full[results.ExampleRow])
	for _, g := range results.Groups(names, anyRow) {
		for _, h := range g.Heddle {
			compared := h.Against() != "" || len(g.Goroutines) > 0 || len(g.Plain) > 0
			require.True(t, compared, "%s is compared with nothing", h.Full)
		}
	}
	i := slices.IndexFunc(names, func(r results.Row) bool { return r.Bench == "Checkpoint" && r.Impl == "heddle" })
	require.GreaterOrEqual(t, i, 0)
	m, err := bin.row(ctx, names[i], "1x", 0)
	require.NoError(t, err)
	require.Contains(t, m, "ns/op")
	_, err = bin.row(ctx, results.Row{Full: "BenchmarkCheckpoint/impl=nothing"}, "1x", 0)
	require.ErrorContains(t, err, "there is no row BenchmarkCheckpoint/impl=nothing")
	fmt.Fprint(&errs, bin.machine())
	require.Contains(t, errs.String(), "cores")
}
