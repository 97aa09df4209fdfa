package results

import (
	"errors"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var anyRow = regexp.MustCompile("")

func parseRows(t *testing.T, names ...string) (rows []Row) {
	t.Helper()
	for _, n := range names {
		r, err := ParseRow("Benchmark" + n)
		require.NoError(t, err)
		rows = append(rows, r)
	}
	return rows
}

func titles(all []*Series) (names []string) {
	for _, s := range all {
		names = append(names, strings.TrimPrefix(s.Full, "Benchmark"))
	}
	return names
}

func TestParseRow(t *testing.T) {
	r, err := ParseRow("BenchmarkHog/impl=heddle/workers=2/from=hog/quantum=1ms")
	require.NoError(t, err)
	require.Equal(
		t,
		Row{
			"BenchmarkHog/impl=heddle/workers=2/from=hog/quantum=1ms", "Hog", "heddle", 2,
			[]Setting{{"from", "hog"}, {"quantum", "1ms"}},
		},
		r,
	)
	require.Equal(t, "Hog/quantum=1ms", r.Title("from"))
	for _, bad := range []string{"", "Spawn/impl=a/workers=1", "BenchmarkSpawn", "BenchmarkSpawn/impl=a/workers", "BenchmarkSpawn/impl=a/workers=x", "BenchmarkSpawn/a=b/c=d"} {
		_, err := ParseRow(bad)
		require.ErrorContains(t, err, bad)
	}
}

// TestGroups checks that a row of heddle is compared with the rows that agree with it in all keys
// that both sides have.
func TestGroups(t *testing.T) {
	names := parseRows(
		t, "For/impl=sequential/workers=1", "For/impl=sequential/workers=1/n=9",
		"For/impl=heddle/workers=1/api=range", "For/impl=heddle/workers=2/api=range",
		"For/impl=heddle/workers=2/api=index", "For/impl=heddle/workers=2/api=range/n=9",
		"For/impl=goroutines/workers=2/style=share", "For/impl=goroutines/workers=2/cutoff=7",
		"For/impl=goroutines/workers=2/style=share/n=9",
		"Files/impl=heddle/workers=2/body=file/against=index",
		"Files/impl=heddle/workers=2/body=1us/against=index", "Spawn/impl=heddle/workers=2/k=1",
		"Spawn/impl=threads/workers=2/k=1", "Spawn/impl=threads/workers=1/k=1",
		"Spawn/impl=none/workers=2/k=1", "Spawn/impl=pond/workers=2/k=1",
		"Spawn/impl=pond/workers=1/k=1", "Spawn/impl=ants/workers=2/k=2",
		"Files/impl=pond/workers=2/body=file", "Files/impl=goroutines/workers=2/body=file",
	)
	gs := Groups(names, anyRow)
	require.Len(t, gs, 6)
	require.Equal(t, []string{"For/impl=heddle/workers=1/api=range"}, titles(gs[0].Heddle))
	require.Empty(t, gs[0].Goroutines)
	require.Equal(
		t, []string{"For/impl=heddle/workers=2/api=range", "For/impl=heddle/workers=2/api=index"},
		titles(gs[1].Heddle),
	)
	require.Equal(
		t,
		[]string{
			"For/impl=goroutines/workers=2/style=share", "For/impl=goroutines/workers=2/cutoff=7",
		},
		titles(gs[1].Goroutines),
	)
	require.Equal(t, []string{"For/impl=sequential/workers=1"}, titles(gs[1].Plain))
	require.Equal(
		t, []string{"For/impl=goroutines/workers=2/style=share/n=9"}, titles(gs[2].Goroutines),
	)
	require.Equal(t, []string{"For/impl=sequential/workers=1/n=9"}, titles(gs[2].Plain))
	require.Equal(
		t,
		[]string{
			"Files/impl=heddle/workers=2/body=file/against=index",
			"Files/impl=pond/workers=2/body=file",
		},
		titles(gs[3].All()),
		"a row with against= runs with its peers only",
	)
	require.Len(t, gs[4].All(), 1)
	require.Equal(t, []string{"Spawn/impl=threads/workers=2/k=1"}, titles(gs[5].Threads))
	require.Equal(t, []string{"Spawn/impl=none/workers=2/k=1"}, titles(gs[5].Plain))
	require.Equal(t, []string{"Spawn/impl=pond/workers=2/k=1"}, titles(gs[5].Peers))

	require.Len(t, Groups(names, regexp.MustCompile("index$")), 3)
	require.Empty(t, Groups(names, regexp.MustCompile("impl=goroutines")))
}

func TestMedianAndQuartiles(t *testing.T) {
	require.True(t, math.IsNaN(Median(nil)))
	xs := []float64{3, 1, 2}
	require.Equal(t, 2.0, Median(xs))
	require.Equal(t, []float64{3, 1, 2}, xs, "the order of the rounds is kept")
	require.Equal(t, 2.5, Median([]float64{4, 1, 2, 3}))
	for _, c := range []struct {
		xs     []float64
		q1, q3 float64
	}{{[]float64{7}, 7, 7}, {[]float64{1, 2}, 1, 2}, {[]float64{1, 2, 3, 4, 5}, 2, 4}, {[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9}, 3, 7}} {
		q1, q3 := Quartiles(c.xs)
		require.Equal(t, []float64{c.q1, c.q3}, []float64{q1, q3}, "%v", c.xs)
	}
}

// TestRatios checks that each ratio is from one round, and that rounds without a result of one side
// do not count.
func TestRatios(t *testing.T) {
	mine := []Metrics{{"ns/op": 4}, nil, {"ns/op": 1}, {"ns/op": 9}, {"ns/op": 5}}
	base := []Metrics{{"ns/op": 2}, {"ns/op": 1}, {"ns/op": 4}, nil, {"ns/op": 0}}
	require.Equal(t, []float64{0.25, 2}, ratios(mine, base, "ns/op"))
}

// TestPeers checks that of each library the best row counts, and that the others are in the order
// of their times.
func TestPeers(t *testing.T) {
	raw, err := Read(strings.NewReader(`machine: a machine
round: 0
BenchmarkA/impl=heddle/workers=1 1 10 ns/op
BenchmarkA/impl=goroutines/workers=1/style=pool 1 20 ns/op
BenchmarkA/impl=pond/workers=1 1 40 ns/op
BenchmarkA/impl=ants/workers=1/style=free 1 5 ns/op
BenchmarkA/impl=ants/workers=1/style=limit 1 100 ns/op
round: 1
BenchmarkA/impl=heddle/workers=1 1 10 ns/op
BenchmarkA/impl=ants/workers=1/style=free 1 20 ns/op
`))
	require.NoError(t, err)
	lines := Lines(raw.Groups(anyRow))
	require.Len(t, lines, 1)
	require.Equal(
		t, []Peer{{"ants", 12.5, []float64{0.5, 2}}, {"pond", 40, []float64{0.25}}}, lines[0].Peers,
	)
	require.Equal(t, []Peer{
		{
			"ants", 12.5, []float64{0.5, 2},
		}, {"goroutines, style=pool", 20, []float64{0.5}}, {"pond", 40, []float64{0.25}},
	}, lines[0].Others())
}

// TestWriteAndRead checks that a text gives back what was written, and that a row which several
// groups compare with keeps the result of each group.
func TestWriteAndRead(t *testing.T) {
	var text strings.Builder
	head := Raw{
		Machine: "CPU, 2 cores", Command: "go run ./benchmarks/table -rounds 2", Rounds: 2,
		Absent: []string{"rayon: no cargo"},
	}
	w, err := NewWriter(&text, head)
	require.NoError(t, err)
	for _, x := range []struct {
		name  string
		round int
		m     Metrics
	}{
		{"BenchmarkA/impl=heddle/workers=1", 0, Metrics{"ns/op": 12.5, "p99-ns": 7}},
		{"BenchmarkA/impl=sequential/workers=1", 0, Metrics{"ns/op": 1}},
		{"BenchmarkA/impl=heddle/workers=2", 0, Metrics{"ns/op": 3}},
		{"BenchmarkA/impl=sequential/workers=1", 0, Metrics{"ns/op": 2}},
		{"BenchmarkA/impl=heddle/workers=2", 1, Metrics{"ns/op": 4}},
	} {
		require.NoError(t, w.Add(x.name, x.round, x.m))
	}
	raw, err := Read(strings.NewReader(text.String()))
	require.NoError(t, err)
	require.Equal(
		t, head,
		Raw{Machine: raw.Machine, Command: raw.Command, Rounds: raw.Rounds, Absent: raw.Absent},
	)
	gs := raw.Groups(anyRow)
	require.Len(t, gs, 2)
	require.Equal(t, []Metrics{{"ns/op": 12.5, "p99-ns": 7}, nil}, gs[0].Heddle[0].Rounds)
	require.Equal(t, []Metrics{{"ns/op": 1}, nil}, gs[0].Plain[0].Rounds)
	require.Equal(t, []Metrics{{"ns/op": 3}, {"ns/op": 4}}, gs[1].Heddle[0].Rounds)
	require.Equal(t, []Metrics{{"ns/op": 2}, nil}, gs[1].Plain[0].Rounds)
	require.Equal(t, 2, RoundsOf(gs))
	require.Len(t, raw.Groups(regexp.MustCompile("workers=2")), 1)
}

// TestReadBadText checks that an error names the line and what is wrong in it.
func TestReadBadText(t *testing.T) {
	const row = "BenchmarkA/impl=heddle/workers=1"
	for text, want := range map[string]string{
		"":                                  "no results",
		"machine: x\n":                      "no results",
		row + " 1 2 ns/op\n":                `line 1: ` + row + `: no line "round: N"`,
		"round: 0\nBenchmarkA 1 2 ns/op\n":  `line 2: "BenchmarkA" is no name of a row`,
		"round: 0\n" + row + " 1 x ns/op\n": `line 2: ` + row + `: strconv.ParseFloat: parsing "x"`,
		"round: 0\n" + row + " 1 2\n":       `line 2: ` + row + `: want a name`,
		"round: -1\n":                       "line 1: round is -1, want 0 to 10000",
		"rounds: 10001\n":                   "line 1: rounds is 10001, want 1 to 10000",
		"round: x\n":                        "line 1: strconv.Atoi",
	} {
		_, err := Read(strings.NewReader(text))
		require.ErrorContains(t, err, want, text)
	}
}

// TestWriterFails checks that an error of the file is not lost.
func TestWriterFails(t *testing.T) {
	_, err := NewWriter(full{}, Raw{})
	require.ErrorContains(t, err, "no room")
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no room") }
