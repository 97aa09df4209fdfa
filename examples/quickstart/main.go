// Quickstart indexes a tree of Go source files, one task a file, and then does the
// same with goroutines.
//
// It needs no set-up: without arguments it reads the source of the Go toolchain that it runs
// under. It prints progress while it works, then what it found, how fast it was, how the tasks
// spread over the workers, and both times side by side.
//
//	go run ./examples/quickstart [-workers n] [-pinning mode] [folder]
//
// The scheduler is used in heddle.go and nowhere else.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/heddle-go/heddle/scheduler"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// settings are what the command line says.
type settings struct {
	workers int
	pinning scheduler.Pinning
	root    string // empty: the toolchain's source
	rounds  int
}

// run is main with its surroundings passed in. It returns the exit code: 0, 1 when there was
// nothing to work on, 2 when the command line was wrong.
func run(args []string, stdout, stderr io.Writer) int {
	set, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2 // parse has said why
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
			"comments. Then does the same with goroutines, and shows both times.\n\n")
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

// index does the work: it lists the files, reads them once so that both sides find them in the
// system's file cache, times both in turn, and reports.
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

	// Equal parallelism: neither side computes on more CPUs than there are workers.
	if procs := runtime.GOMAXPROCS(0); set.workers < procs {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(set.workers))
	}

	fmt.Fprintf(stdout, "indexing %d .go files under %s\n", len(files), root)
	warm(files, stderr)
	var heddle, native []pass
	for round := range set.rounds {
		for side := range 2 {
			// Who goes first changes from round to round.
			if label := fmt.Sprintf("(round %d of %d)", round+1, set.rounds); (round+side)%2 == 0 {
				p, err := onHeddle(files, set, newProgress(stderr, "tasks "+label, len(files)))
				if err != nil {
					return err
				}
				heddle = append(heddle, p)
			} else {
				native = append(native, onGoroutines(files, newProgress(stderr, "goroutines "+label, len(files))))
			}
		}
	}
	found := heddle[0].found
	tell(stderr, append(problems, found.problems...))
	if err := same(found, native[0].found); err != nil {
		return err
	}
	report(stdout, set, found, heddle, native)
	return nil
}
