// Table runs the benchmarks and prints Markdown tables that compare heddle with its baselines and
// with other libraries.
//
//	go run ./benchmarks/table [-rows regexp] [-rounds n] [-benchtime t] [-peers=false]
//	                          [-raw file] [-write]
//	go run ./benchmarks/table -from file [-rows regexp] [-write]
//
// It builds the test binaries of packages benchmarks and benchmarks/rivals, and runs one of them
// once for each row and round. In each round, a row of heddle, its baselines and its peers run
// right after each other, in an order that rotates. Each round gives a ratio, and the table shows
// the median of the ratios and their quartiles. A row with against= in its name runs its baselines
// itself.
//
// The baselines of a row of heddle follow from the names, which package benchmarks defines. They
// are the rows of goroutines of the same benchmark and number of workers that agree with it in
// every key that both have. The best of them counts, the one with the least median. The peers are
// the rows of other libraries that agree in the same way. Of each library the best row counts. A
// second table has the rows with peers, and says which side is first.
//
// Progress goes to standard error. Ctrl-C ends the run, and table prints what it has measured so
// far. With -raw it writes each result to a file as it comes, as text that benchstat reads too.
// With -from it reads such a file instead of measuring. With -write it replaces the tables in
// BENCHMARKS.md and README.md, between lines such as <!-- table --> and <!-- /table -->.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/heddle-go/heddle/benchmarks/results"
	"github.com/heddle-go/heddle/internal/cli"
)

func main() { cli.Main(run) }

// settings holds the values of the command line.
type settings struct {
	rows      *regexp.Regexp
	rounds    int
	benchtime string // empty to use benchtimes
	peers     bool
	raw       string // the file for the results, or empty
	from      string // the file with results from before, or empty
	write     bool
	args      []string // the command line
}

const maxRounds = 1000

var (
	anyRow    = regexp.MustCompile("")
	benchtime = regexp.MustCompile(`^([1-9][0-9]*x|[0-9.]+(ms|s|m))$`)
)

func parse(args []string, stderr io.Writer) (settings, error) {
	set := settings{rows: anyRow, args: args}
	f := cli.NewFlags("table [flags]", `
Runs the benchmarks in rounds and prints Markdown tables of the ratios of heddle to its baselines,
and to other libraries. Ctrl-C ends it early, and prints the rows that are complete.`, stderr)
	f.Func(
		"rows",
		"run the rows of heddle that match the `regexp`, as in -rows 'Spawn.*workers=2' (default all)",
		func(s string) (err error) {
			set.rows, err = regexp.Compile(s)
			return err
		},
	)
	f.IntRange(&set.rounds, "rounds", 5, 1, maxRounds, "`number` of rounds")
	f.StringVar(&set.benchtime, "benchtime", "",
		"`time` of a row in a round, as go test takes it, such as 0.3s or 10x (default by row)")
	f.BoolVar(
		&set.peers, "peers", true,
		"run other libraries too; needs their modules, see benchmarks/rivals",
	)
	f.StringVar(&set.raw, "raw", "", "write each result to this `file`")
	f.StringVar(
		&set.from,
		"from",
		"",
		"make the tables from this `file`, which -raw has written, instead of measuring",
	)
	f.BoolVar(
		&set.write, "write", false,
		"replace the tables in BENCHMARKS.md and README.md; needs all rows and peers",
	)
	if err := f.Parse(args); err != nil {
		return set, err
	}
	measuring := ""
	f.Visit(func(g *flag.Flag) {
		switch g.Name {
		case "rounds", "benchtime", "peers", "raw":
			measuring = g.Name
		}
	})
	switch {
	case set.benchtime != "" && !benchtime.MatchString(set.benchtime):
		return set, f.Fail(
			"-benchtime %s: want a number of runs such as 10x, or a time such as 300ms or 0.3s",
			set.benchtime,
		)
	case set.write && set.rows.String() != "":
		return set, f.Fail(
			"-write with -rows %s: the tables would lose the other rows; leave out one of the two",
			set.rows,
		)
	case set.write && !set.peers:
		return set, f.Fail(
			"-write with -peers=false: the table of the peers would be lost; leave out one of the two",
		)
	case set.from != "" && measuring != "":
		return set, f.Fail(
			"-from with -%s: the rows do not run again; leave out one of the two", measuring,
		)
	}
	return set, nil
}

// run is main with its surroundings as arguments. It returns the exit code: 0, or 1 if a row or the
// command failed, or 2 if the command line was wrong, or 130 if ctx ended, for example by Ctrl-C.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	set, err := parse(args, stderr)
	if err != nil {
		return cli.ParseCode(err)
	}
	if set.from != "" {
		err = reread(ctx, set, stdout)
	} else {
		err = measure(ctx, set, stdout, stderr)
	}
	if ctx.Err() != nil {
		err = cli.Interrupted{Left: "no document is changed"}
	}
	return cli.Code("table", err, stderr)
}

// measure runs the rows and shows the tables.
func measure(ctx context.Context, set settings, stdout, stderr io.Writer) (err error) {
	warnIfBusy(stderr)
	var file *os.File // first, because an error should come before an hour of measuring
	if set.raw != "" {
		if file, err = os.Create(set.raw); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
	}
	bin, err := build(ctx, set.peers, stderr)
	if err != nil {
		return err
	}
	defer bin.remove()
	names, err := bin.list(ctx)
	if err != nil {
		return err
	}
	gs := results.Groups(names, set.rows)
	if len(gs) == 0 {
		return noRows(set)
	}
	raw := results.Raw{
		Machine: bin.machine(), Command: commandLine(set.args), Rounds: set.rounds,
		Absent: bin.absent,
	}
	runRow := bin.row
	if file != nil {
		w, err := results.NewWriter(file, raw)
		if err != nil {
			return err
		}
		runRow = recorded(w, bin.row)
	}
	failed := collect(ctx, gs, set, runRow, newEstimate(time.Now), stderr)
	err = show(bin.root, set, raw, gs, ctx.Err() == nil && failed == nil, stdout)
	return errors.Join(failed, err)
}

// recorded is run, but for writing each result to w.
func recorded(w *results.Writer, run runner) runner {
	return func(ctx context.Context, r results.Row, benchtime string, round int) (results.Metrics, error) {
		m, err := run(ctx, r, benchtime, round)
		if err == nil {
			err = w.Add(r.Full, round, m)
		}
		return m, err
	}
}

// reread shows the tables of an earlier run.
func reread(ctx context.Context, set settings, stdout io.Writer) error {
	root := ""
	if set.write {
		var err error
		if root, err = moduleRoot(ctx); err != nil {
			return err
		}
	}
	file, err := os.Open(set.from)
	if err != nil {
		return err
	}
	defer file.Close()
	raw, err := results.Read(file)
	if err != nil {
		return fmt.Errorf("%s: %w", set.from, err)
	}
	gs := raw.Groups(set.rows)
	if len(gs) == 0 {
		return noRows(set)
	}
	return show(root, set, *raw, gs, true, stdout)
}

func noRows(set settings) error {
	return fmt.Errorf(
		"-rows %s: no row of heddle matches; a row is called for example %s", set.rows,
		results.ExampleRow,
	)
}

// show prints the tables and, if the run is complete and the flags say so, writes the documents.
func show(
	root string, set settings, raw results.Raw, gs []*results.Group, complete bool,
	stdout io.Writer,
) error {
	lines := results.Lines(gs)
	text := heading(raw, results.RoundsOf(gs)) + "\n" + tableOf(lines)
	peers := peersOf(lines, raw.Absent)
	fmt.Fprint(stdout, text)
	if peers != "" {
		fmt.Fprint(stdout, "\n", peers)
	}
	if !set.write || !complete {
		return nil
	}
	if peers == "" {
		return errors.New("-write: no row has peers, so their table would be lost")
	}
	return writeTables(
		root, table{"BENCHMARKS.md", tablePlace, text}, table{"BENCHMARKS.md", peersPlace, peers},
		table{"README.md", tablePlace, readmeTable(lines)},
	)
}

// commandLine returns the command with its arguments, for a shell.
func commandLine(args []string) string {
	command := "go run ./benchmarks/table"
	for _, a := range args {
		if strings.ContainsAny(a, " |*()[]?$\\'\"") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		command += " " + a
	}
	return command
}

// heading says on which machine and with which command the table was made. rounds is the number of
// rounds that have run.
func heading(raw results.Raw, rounds int) string {
	early := ""
	if rounds < raw.Rounds {
		early = fmt.Sprintf(", which was to do %d", raw.Rounds)
	}
	return fmt.Sprintf(
		"%s. Medians of %d rounds of the command below%s. Ratios are heddle's to the baseline; bold is where heddle takes more.\n\n    %s\n",
		raw.Machine, rounds, early, raw.Command,
	)
}
