// Quickstart indexes a tree of Go source files with one task for each file. Then it sorts the
// identifiers and words it has found with a recursive sort. It does the same with goroutines.
//
// It needs no set-up: without arguments it reads the source of the Go toolchain. It prints progress
// while it works. At the end it prints the result, the speed, how the tasks were spread over the
// workers, and the times of all sides with their ratios.
//
//	go run ./examples/quickstart [-workers n] [-pinning mode] [folder]
//
// Only heddle.go uses the scheduler.
package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/heddle-go/heddle/internal/cli"
	"github.com/heddle-go/heddle/scheduler"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// settings holds the values of the command line.
type settings struct {
	workers int
	pinning scheduler.Pinning
	root    string // empty for the source of the Go toolchain
	rounds  int
}

// run is main with its surroundings as arguments. It returns the exit code: 0, or 1 if there was
// nothing to work on, or 2 if the command line was wrong.
func run(args []string, stdout, stderr io.Writer) int {
	set, err := parse(args, stderr)
	if err != nil {
		return cli.ParseCode(err)
	}
	return cli.Code("quickstart", index(set, stdout, stderr), stderr)
}

func parse(args []string, stderr io.Writer) (settings, error) {
	set := settings{pinning: scheduler.Threads}
	f := cli.NewFlags("quickstart [flags] [folder]", `
Indexes every .go file under the folder, one task a file: lines, identifiers, words in
comments. Sorts what it has found by recursion, with a fork at each step. Does the same
with goroutines, and shows all times and ratios.`, stderr)
	f.MaxArgs = 1
	f.IntRange(&set.workers, "workers", runtime.GOMAXPROCS(0), 1, scheduler.MaxWorkers,
		"`number` of workers; fewer than GOMAXPROCS lower that, for the goroutines too")
	cli.Choice(f, &set.pinning, "pinning", "how workers are bound, the `mode`; cpus works on Linux only",
		scheduler.Threads, scheduler.CPUs, scheduler.Fixed, scheduler.None)
	f.StringVar(&set.root, "root", "", "`folder` to index (default the source of the Go toolchain)")
	f.IntRange(&set.rounds, "rounds", 3, 1, math.MaxInt, "`number` of times that each side is timed")
	if err := f.Parse(args); err != nil {
		return set, err
	}
	if f.NArg() == 1 {
		if set.root != "" {
			return set, f.Fail("the folder is given twice: -root %s and %s", set.root, f.Arg(0))
		}
		set.root = f.Arg(0)
	}
	return set, nil
}

// index lists the files and reads them once, so that all sides find them in the system's file
// cache. Then it times the sides in turn, prints the report, and goes on with the second part.
func index(set settings, stdout, stderr io.Writer) error {
	root, err := cli.SourceTree(set.root, "quickstart ./some/folder")
	if err != nil {
		return err
	}
	files, problems, err := list(root)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		cli.Tell("quickstart", problems, stderr)
		return fmt.Errorf("there are no .go files under %s: nothing to index", root)
	}

	// For a fair comparison, no side may compute on more CPUs than there are workers.
	defer cli.LimitProcs(set.workers)()

	fmt.Fprintf(stdout, "indexing %d .go files under %s\n", len(files), root)
	warm(files, stderr)
	sides := []*side{
		{name: "heddle, a task a file", run: func(p *cli.Counter) (pass, error) { return onHeddle(files, set, p) }},
		{name: "goroutines, one a file", run: func(p *cli.Counter) (pass, error) { return onGoroutines(files, p), nil }},
		{name: "goroutines, one a worker", run: func(p *cli.Counter) (pass, error) { return byIndex(files, set, p), nil }},
	}
	for round := range set.rounds {
		for k := range sides {
			s := sides[(round+k)%len(sides)] // which side goes first changes from round to round
			label := fmt.Sprintf("%s (round %d of %d)", s.name, round+1, set.rounds)
			p, err := s.run(cli.Count(stderr, label, len(files), "files"))
			if err != nil {
				return err
			}
			s.done = append(s.done, p)
		}
	}
	found := sides[0].done[0].found
	cli.Tell("quickstart", append(problems, found.problems...), stderr)
	for _, s := range sides[1:] {
		if err := same(found, s.done[0].found); err != nil {
			return err
		}
	}
	report(stdout, set, found, sides)
	return recurse(set, found, stdout, stderr)
}

// A side is one way to index the files, with its passes.
type side struct {
	name string
	run  func(p *cli.Counter) (pass, error)
	done []pass
}

// sortsEach is the number of times that each way sorts for each pass over the files. One sort takes
// only a fraction of a pass.
const sortsEach = 3

// recurse sorts the strings of found in each of the ways, in rounds, and prints the report.
func recurse(set settings, found *tally, stdout, stderr io.Writer) error {
	all := stringsOf(found)
	right := slices.Sorted(slices.Values(all))
	rounds := sortsEach * set.rounds
	return withSorter(set, func(heddle func(xs []string) error) error {
		ways := sorters(heddle)
		times := make([][]time.Duration, len(ways))
		bar := cli.Count(stderr, "sorting by recursion", rounds*len(ways), "sorts")
		defer bar.Stop()
		for round := range rounds {
			for k := range ways {
				i := (round + k) % len(ways)
				xs := slices.Clone(all)
				start := begin()
				err := ways[i].sort(xs)
				times[i] = append(times[i], time.Since(start))
				switch {
				case err != nil:
					return err
				case !slices.Equal(xs, right):
					return fmt.Errorf("%s: the strings are in the wrong order", ways[i].name)
				}
				bar.Add()
			}
		}
		reportSorts(stdout, len(all), ways, times)
		return nil
	})
}
