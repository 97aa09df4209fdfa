// Plots draws the pictures of the benchmarks as SVG files, from results that the command in
// benchmarks/table has recorded. It runs in its own folder, a module of its own:
//
//	go run .                        # draws data/table.txt
//	go run . -measure -rounds 5     # records data/table.txt anew before that
//	go run . -only 'service|peers'  # only some pictures
//
// The pictures:
//
//   - ratios-programs, ratios-tasks, ratios-waiting and ratios-computing: each row of heddle as the
//     ratio to the best of the goroutines, with the quartiles of the rounds
//   - peers: the time of each other library as a multiple of heddle's
//   - outstanding: the cost of starting a unit, by the number of units started before a wait
//   - workers: fib by forks with more workers than Ps, as the ratio to two workers
//   - timers: the cost of arming a timer and stopping it, by the number of pending timers
//   - service: the distribution of an HTTP service's latencies at three loads
//
// A picture needs its rows: if one is missing, plots says which, and draws nothing.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/heddle-go/heddle/benchmarks/results"
	"github.com/heddle-go/heddle/internal/cli"
)

func main() { cli.Main(run) }

type settings struct {
	from    string
	out     string
	only    *regexp.Regexp
	measure bool
	rounds  int
}

func parse(args []string, stderr io.Writer) (settings, error) {
	set := settings{only: regexp.MustCompile("")}
	f := cli.NewFlags("plots [flags]", `
Draws the pictures of the benchmarks as SVG files, from recorded results. Run it in the folder
benchmarks/plots.`, stderr)
	f.StringVar(
		&set.from,
		"from",
		filepath.Join("data", "table.txt"),
		"the `file` with the results",
	)
	f.StringVar(&set.out, "out", ".", "the `folder` for the pictures")
	f.Func(
		"only",
		"draw the pictures whose names match the `regexp` (default all)",
		func(s string) (err error) {
			set.only, err = regexp.Compile(s)
			return err
		},
	)
	f.BoolVar(
		&set.measure, "measure", false,
		"run the benchmarks first, and write the file with the results",
	)
	f.IntRange(&set.rounds, "rounds", 5, 1, 1000, "`number` of rounds to measure")
	return set, f.Parse(args)
}

// run is main with its surroundings as arguments. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	set, err := parse(args, stderr)
	if err != nil {
		return cli.ParseCode(err)
	}
	err = plots(ctx, set, stdout, stderr)
	if ctx.Err() != nil {
		err = cli.Interrupted{Left: "no picture is drawn"}
	}
	return cli.Code("plots", err, stderr)
}

func plots(ctx context.Context, set settings, stdout, stderr io.Writer) error {
	if set.measure {
		if err := measure(ctx, set, stderr); err != nil {
			return err
		}
	}
	d, err := read(set.from)
	if err != nil {
		return err
	}
	type drawing struct {
		name string
		svg  []byte
	}
	var ds []drawing
	var missing error
	for _, p := range pictures {
		if !set.only.MatchString(p.name) {
			continue
		}
		svg, err := p.draw(d)
		if err != nil {
			missing = errors.Join(missing, fmt.Errorf("%s.svg: %w", p.name, err))
			continue
		}
		ds = append(ds, drawing{p.name, svg})
	}
	switch {
	case missing != nil:
		return fmt.Errorf("%s: %w", set.from, missing)
	case len(ds) == 0:
		return fmt.Errorf(
			"-only %s: no picture matches; they are called %s", set.only, pictureNames(),
		)
	}
	for _, x := range ds {
		file := filepath.Join(set.out, x.name+".svg")
		if err := os.WriteFile(file, x.svg, 0o644); err != nil {
			return err
		}
		fmt.Fprintln(stdout, file)
	}
	return nil
}

// measure lets the table command record its results. Its tables are not shown.
func measure(ctx context.Context, set settings, stderr io.Writer) error {
	file, err := filepath.Abs(set.from)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(
		ctx, "go", "run", "./benchmarks/table", "-rounds", strconv.Itoa(set.rounds), "-raw", file,
	)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Stderr = stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("cannot measure: %w", err)
	}
	return nil
}

// A data is what the pictures are drawn from.
type data struct {
	raw   *results.Raw
	lines []results.Line
	rows  map[string]*results.Series // by the full name, also of rows without a result
}

func read(name string) (*data, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	raw, err := results.Read(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	gs := raw.Groups(regexp.MustCompile(""))
	d := &data{raw: raw, lines: results.Lines(gs), rows: map[string]*results.Series{}}
	for _, g := range gs {
		for _, s := range g.All() {
			d.rows[s.Full] = s
		}
	}
	return d, nil
}

// A spread is the median of some values and their quartiles.
type spread struct{ low, mid, high float64 }

// spreadOf needs at least one value.
func spreadOf(sorted []float64) spread {
	q1, q3 := results.Quartiles(sorted)
	return spread{q1, results.Median(sorted), q3}
}

// column returns the spread of one unit over the rounds of a row.
func (d *data) column(row, unit string) (spread, error) {
	s := d.rows[row]
	if s == nil {
		return spread{}, noRow(row)
	}
	xs := s.Column(unit)
	if len(xs) == 0 {
		return spread{}, fmt.Errorf("the results of %s have no %s", row, unit)
	}
	return spreadOf(sortedCopy(xs)), nil
}

// noRow says how to measure what a picture lacks.
func noRow(row string) error {
	return fmt.Errorf(
		"there is no result of %s; go run . -measure makes all that the pictures need", row,
	)
}
