// Table runs the benchmarks and prints a Markdown table that compares heddle with its baselines.
//
//	go run ./benchmarks/table [-rows regexp] [-rounds n] [-benchtime t] [-write] > table.md
//
// It builds the test binary of package benchmarks and runs it once for each row and round. In each
// round, a row of heddle and its baselines run right after each other, in an order that rotates.
// Each round gives a ratio, and the table shows the median of the ratios and their quartiles. A row
// with against= in its name runs both sides itself.
//
// The baselines of a row of heddle follow from the names, which package benchmarks defines. They
// are the rows of goroutines of the same benchmark and number of workers that agree with it in
// every key that both have. The best of them counts, the one with the least median.
//
// Progress goes to standard error. Ctrl-C ends the run, and table prints what it has measured so
// far. With -write it replaces the tables in BENCHMARKS.md and README.md, between the lines <!--
// table --> and <!-- /table -->.
package main

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/heddle-go/heddle/internal/cli"
)

func main() { cli.Main(run) }

// settings holds the values of the command line.
type settings struct {
	rows      *regexp.Regexp
	rounds    int
	benchtime string // empty to use benchtimes
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
Runs the benchmarks in rounds and prints a Markdown table of the ratios of heddle to its baselines.
Ctrl-C ends it early, and prints the rows that are complete.`, stderr)
	f.Func("rows", "run the rows of heddle that match the `regexp`, as in -rows 'Spawn.*workers=2' (default all)",
		func(s string) (err error) {
			set.rows, err = regexp.Compile(s)
			return err
		})
	f.IntRange(&set.rounds, "rounds", 5, 1, maxRounds, "`number` of rounds")
	f.StringVar(&set.benchtime, "benchtime", "",
		"`time` of a row in a round, as go test takes it, such as 0.3s or 10x (default by row)")
	f.BoolVar(&set.write, "write", false, "replace the tables in BENCHMARKS.md and README.md; needs all rows")
	if err := f.Parse(args); err != nil {
		return set, err
	}
	switch {
	case set.benchtime != "" && !benchtime.MatchString(set.benchtime):
		return set, f.Fail("-benchtime %s: want a number of runs such as 10x, or a time such as 300ms or 0.3s", set.benchtime)
	case set.write && set.rows.String() != "":
		return set, f.Fail("-write with -rows %s: the tables would lose the other rows; leave out one of the two", set.rows)
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
	err = measure(ctx, set, stdout, stderr)
	if ctx.Err() != nil {
		err = cli.Interrupted{Left: "nothing is written to files"}
	}
	return cli.Code("table", err, stderr)
}

func measure(ctx context.Context, set settings, stdout, stderr io.Writer) error {
	warnIfBusy(stderr)
	bin, err := build(ctx, stderr)
	if err != nil {
		return err
	}
	defer bin.remove()
	names, err := bin.list(ctx)
	if err != nil {
		return err
	}
	gs := groupsOf(names, set.rows)
	if len(gs) == 0 {
		return fmt.Errorf("-rows %s: no row of heddle matches; a row is called for example %s", set.rows, exampleRow)
	}
	failed := collect(ctx, gs, set, bin.row, newEstimate(time.Now), stderr)
	lines := linesOf(gs)
	text := heading(bin.machine(), set, roundsOf(gs)) + "\n" + tableOf(lines)
	fmt.Fprint(stdout, text)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case failed != nil:
		return failed
	case set.write:
		return writeTables(bin.root, text, readmeTable(lines))
	}
	return nil
}

// roundsOf returns the number of rounds that have a result.
func roundsOf(gs []*group) (n int) {
	for _, g := range gs {
		for _, s := range g.all() {
			k := 0
			for _, m := range s.rounds {
				if m != nil {
					k++
				}
			}
			n = max(n, k)
		}
	}
	return n
}

// heading says on which machine and with which command the table was made. rounds is the number of
// rounds that have run.
func heading(machine string, set settings, rounds int) string {
	command := "go run ./benchmarks/table"
	for _, a := range set.args {
		if strings.ContainsAny(a, " |*()[]?$\\'\"") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		command += " " + a
	}
	early := ""
	if rounds < set.rounds {
		early = fmt.Sprintf(", which was to do %d", set.rounds)
	}
	return fmt.Sprintf("%s. Medians of %d rounds of the command below%s. Ratios are heddle's to the baseline; bold is where heddle takes more.\n\n    %s\n",
		machine, rounds, early, command)
}
