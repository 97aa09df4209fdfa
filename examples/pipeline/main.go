// Pipeline hashes a tree of files in four stages that work at once and pass files on through bounded channels: walk, read,
// hash, collect. Then it does the same with goroutines and native channels with the same bounds, and compares.
//
// It needs no set-up: without arguments it reads the source of the Go toolchain that it runs under. It prints progress while it
// works, and then the largest files, files that are there more than once, how busy each stage was and which one held up the others,
// and both times side by side. Ctrl-C ends it in the middle, cleanly.
//
//	go run ./examples/pipeline [-workers n] [-readers n] [-bound n] [-rounds n] [-pinning mode] [-dir folder]
//
// The scheduler is used in heddle.go and nowhere else.
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

// settings are what the command line says.
type settings struct {
	root    string
	workers int // also the number of hashers
	readers int
	bound   int // of each channel
	rounds  int
	pinning scheduler.Pinning
}

// run is main with its surroundings passed in. It returns the exit code: 0, 1 when something failed, 2 when the command line
// was wrong, 130 when ctx ended, as it does by Ctrl-C.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	set, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2 // parse has said why
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

// compare does the work: it runs both sides in turn, once for the system's file cache and then timed, and reports.
func compare(ctx context.Context, set settings, stdout, stderr io.Writer) error {
	root, err := sourceTree(set.root)
	if err != nil {
		return err
	}
	set.root = root
	// Equal parallelism: neither side computes on more CPUs than there are workers.
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
			side := &sides[(round+i)%len(sides)] // who goes first changes from round to round
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
