// Pipeline hashes the files of a tree in four concurrent stages: walk, read, hash, collect. Bounded
// channels connect the stages. Then it does the same with goroutines and native channels with the
// same bounds, and compares the two.
//
// It needs no set-up: without arguments it reads the source of the Go toolchain. It prints progress
// while it works. At the end it prints the largest files, duplicate files, how busy each stage was,
// the stage that held up the others, and the times of both sides. Ctrl-C stops it cleanly at any
// moment.
//
//	go run ./examples/pipeline [-workers n] [-readers n] [-bound n] [-rounds n] [-pinning mode] [-dir folder]
//
// Only heddle.go uses the scheduler.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"

	"github.com/heddle-go/heddle/scheduler"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// settings holds the values of the command line.
type settings struct {
	root    string
	workers int // also the number of hashers
	readers int
	bound   int // capacity of each channel
	rounds  int
	pinning scheduler.Pinning
}

// run is main with its surroundings as arguments. It returns the exit code: 0, or 1 if something
// failed, or 2 if the command line was wrong, or 130 if ctx ended, for example by Ctrl-C.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	set, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2 // parse has printed the reason
	}
	switch err := compare(ctx, set, stdout, stderr); {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		fmt.Fprintf(stderr, "pipeline: interrupted; all stages have ended\n")
		return 130
	default:
		fmt.Fprintf(stderr, "pipeline: %v\n", err)
		return 1
	}
}

func parse(args []string, stderr io.Writer) (settings, error) {
	set := settings{pinning: scheduler.Threads}
	f := flag.NewFlagSet("pipeline", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&set.root, "dir", "", "`folder` to hash (default the source of the Go toolchain)")
	f.IntVar(&set.workers, "workers", runtime.GOMAXPROCS(0), "`number` of workers and of hashers; fewer than GOMAXPROCS lower that, for the goroutines too")
	f.IntVar(&set.readers, "readers", 8, "`number` of files that are read at once")
	f.IntVar(&set.bound, "bound", 32, "`number` of files that wait between two stages at most")
	f.IntVar(&set.rounds, "rounds", 3, "`number` of times that each side is timed")
	f.Func("pinning", "how workers are bound, the `mode`: threads, cpus (Linux), fixed or none (default threads)", func(s string) error {
		for _, p := range []scheduler.Pinning{scheduler.Threads, scheduler.CPUs, scheduler.Fixed, scheduler.None} {
			if s == p.String() {
				set.pinning = p
				return nil
			}
		}
		return errors.New("want threads, cpus, fixed or none")
	})
	f.Usage = func() {
		fmt.Fprint(stderr, "usage: pipeline [flags]\n\n"+
			"Hashes a tree of files in stages with bounded channels between them, by tasks and then by\n"+
			"goroutines, and shows both times. Ctrl-C ends it early.\n\n")
		f.PrintDefaults()
	}
	if err := f.Parse(args); err != nil {
		return set, err
	}
	complain := func(format string, a ...any) (settings, error) {
		err := fmt.Errorf(format, a...)
		fmt.Fprintf(stderr, "pipeline: %v\n", err)
		f.Usage()
		return set, err
	}
	switch {
	case f.NArg() > 0:
		return complain("want flags only, not %q", f.Args())
	case set.workers < 1 || set.workers > scheduler.MaxWorkers:
		return complain("-workers %d: want 1 to %d", set.workers, scheduler.MaxWorkers)
	case set.readers < 1 || set.readers > scheduler.MaxBlockingLimit:
		return complain("-readers %d: want 1 to %d", set.readers, scheduler.MaxBlockingLimit)
	case set.bound < 0:
		return complain("-bound %d: want 0 or more", set.bound)
	case set.rounds < 1:
		return complain("-rounds %d: want 1 or more", set.rounds)
	}
	return set, nil
}

// compare runs both sides in turn and prints the report. The first run of each side only fills the
// system's file cache; the others are timed.
func compare(ctx context.Context, set settings, stdout, stderr io.Writer) error {
	root, err := sourceTree(set.root)
	if err != nil {
		return err
	}
	set.root = root
	// For a fair comparison, no side may compute on more CPUs than there are workers.
	if procs := runtime.GOMAXPROCS(0); set.workers < procs {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(set.workers))
	}
	fmt.Fprintf(stdout, "hashing the files under %s\n", root)
	sides := []struct {
		name string
		run  func(ctx context.Context, set settings, p *progress) (*pass, error)
		done []*pass
	}{{name: "heddle", run: onHeddle}, {name: "goroutines", run: onGoroutines}}
	var first *pass
	for round := range set.rounds + 1 {
		for i := range sides {
			side := &sides[(round+i)%len(sides)] // another side goes first in each round
			label := fmt.Sprintf("%s (round %d of %d)", side.name, round, set.rounds)
			if round == 0 {
				label = side.name + " (to fill the file cache)"
			}
			bar := newProgress(stderr, label)
			p, err := side.run(ctx, set, bar)
			bar.stop()
			if err != nil {
				return err
			}
			p.seal()
			if first == nil {
				first = p
				tell(stderr, p.problems)
			} else if p.digest != first.digest {
				return fmt.Errorf("%s: the result differs from that of %s; did the files change meanwhile?", label, sides[0].name)
			}
			if round > 0 {
				side.done = append(side.done, p)
			}
		}
	}
	if len(first.sums) == 0 {
		return fmt.Errorf("there are no files under %s: nothing to hash", root)
	}
	report(stdout, set, sides[0].done, sides[1].done)
	return nil
}
