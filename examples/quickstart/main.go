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
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"time"

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
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2 // parse has printed the reason
	}
	if err := index(set, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "quickstart: %v\n", err)
		return 1
	}
	return 0
}

func parse(args []string, stderr io.Writer) (settings, error) {
	set := settings{pinning: scheduler.Threads}
	f := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.IntVar(&set.workers, "workers", runtime.GOMAXPROCS(0), "`number` of workers; fewer than GOMAXPROCS lower that, for the goroutines too")
	f.Func("pinning", "how workers are bound, the `mode`: threads, cpus (Linux), fixed or none (default threads)", func(s string) error {
		for _, p := range []scheduler.Pinning{scheduler.Threads, scheduler.CPUs, scheduler.Fixed, scheduler.None} {
			if s == p.String() {
				set.pinning = p
				return nil
			}
		}
		return errors.New("want threads, cpus, fixed or none")
	})
	f.StringVar(&set.root, "root", "", "`folder` to index (default the source of the Go toolchain)")
	f.IntVar(&set.rounds, "rounds", 3, "`number` of times that each side is timed")
	f.Usage = func() {
		fmt.Fprint(stderr, "usage: quickstart [flags] [folder]\n\n"+
			"Indexes every .go file under the folder, one task a file: lines, identifiers, words in\n"+
			"comments. Sorts what it has found by recursion, with a fork at each step. Does the same\n"+
			"with goroutines, and shows all times and ratios.\n\n")
		f.PrintDefaults()
	}
	if err := f.Parse(args); err != nil {
		return set, err
	}
	complain := func(format string, a ...any) (settings, error) {
		err := fmt.Errorf(format, a...)
		fmt.Fprintf(stderr, "quickstart: %v\n", err)
		f.Usage()
		return set, err
	}
	switch {
	case f.NArg() > 1:
		return complain("want one folder, not %d: %q", f.NArg(), f.Args())
	case f.NArg() == 1 && set.root != "":
		return complain("the folder is given twice: -root %s and %s", set.root, f.Arg(0))
	case f.NArg() == 1:
		set.root = f.Arg(0)
	}
	if set.rounds < 1 {
		return complain("-rounds %d: want 1 or more", set.rounds)
	}
	if set.workers < 1 || set.workers > scheduler.MaxWorkers {
		return complain("-workers %d: want 1 to %d", set.workers, scheduler.MaxWorkers)
	}
	return set, nil
}

// index lists the files and reads them once, so that all sides find them in the system's file
// cache. Then it times the sides in turn, prints the report, and goes on with the second part.
func index(set settings, stdout, stderr io.Writer) error {
	root, err := sourceTree(set.root)
	if err != nil {
		return err
	}
	files, problems, err := list(root)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		tell(stderr, problems)
		return fmt.Errorf("there are no .go files under %s: nothing to index", root)
	}

	// For a fair comparison, no side may compute on more CPUs than there are workers.
	if procs := runtime.GOMAXPROCS(0); set.workers < procs {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(set.workers))
	}

	fmt.Fprintf(stdout, "indexing %d .go files under %s\n", len(files), root)
	warm(files, stderr)
	sides := []*side{
		{name: "heddle, a task a file", run: func(p *progress) (pass, error) { return onHeddle(files, set, p) }},
		{name: "goroutines, one a file", run: func(p *progress) (pass, error) { return onGoroutines(files, p), nil }},
		{name: "goroutines, one a worker", run: func(p *progress) (pass, error) { return byIndex(files, set, p), nil }},
	}
	for round := range set.rounds {
		for k := range sides {
			s := sides[(round+k)%len(sides)] // another side goes first in each round
			p, err := s.run(newProgress(stderr, fmt.Sprintf("%s (round %d of %d)", s.name, round+1, set.rounds), len(files), "files"))
			if err != nil {
				return err
			}
			s.done = append(s.done, p)
		}
	}
	found := sides[0].done[0].found
	tell(stderr, append(problems, found.problems...))
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
	run  func(p *progress) (pass, error)
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
		bar := newProgress(stderr, "sorting by recursion", rounds*len(ways), "sorts")
		defer bar.stop()
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
				bar.done.Add(1)
			}
		}
		reportSorts(stdout, len(all), ways, times)
		return nil
	})
}
