// Pipeline hashes the files of a tree in four concurrent stages: walk, read, hash, collect. Bounded
// channels connect the stages. Then it does the same with goroutines and native channels with the
// same bounds, and compares the two.
//
// It needs no set-up: without arguments it reads the source of the Go toolchain. It prints progress
// while it works. At the end it prints the largest files, duplicate files, how busy each stage was,
// the stage that held up the others, and the times of both sides. Ctrl-C stops it cleanly at any
// moment.
//
//	go run ./examples/pipeline [-workers n] [-readers n] [-bound n] [-rounds n]
//		[-pinning mode] [-dir folder]
//
// Only heddle.go uses the scheduler.
package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"runtime"

	"github.com/heddle-go/heddle/internal/cli"
	"github.com/heddle-go/heddle/scheduler"
)

func main() { cli.Main(run) }

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
	if err != nil {
		return cli.ParseCode(err)
	}
	err = compare(ctx, set, stdout, stderr)
	if err != nil && ctx.Err() != nil {
		err = cli.Interrupted{Left: "all stages have ended"}
	}
	return cli.Code("pipeline", err, stderr)
}

func parse(args []string, stderr io.Writer) (settings, error) {
	set := settings{pinning: scheduler.Threads}
	f := cli.NewFlags("pipeline [flags]", `
Hashes a tree of files in stages with bounded channels between them, by tasks and then by
goroutines, and shows both times. Ctrl-C ends it early.`, stderr)
	f.StringVar(&set.root, "dir", "", "`folder` to hash (default the source of the Go toolchain)")
	f.IntRange(&set.workers, "workers", runtime.GOMAXPROCS(0), 1, scheduler.MaxWorkers,
		"`number` of workers and of hashers; fewer than GOMAXPROCS lower that, for the goroutines too")
	f.IntRange(&set.readers, "readers", 8, 1, scheduler.MaxBlockingLimit, "`number` of files that are read at once")
	f.IntRange(&set.bound, "bound", 32, 0, math.MaxInt, "`number` of files that wait between two stages at most")
	f.IntRange(&set.rounds, "rounds", 3, 1, math.MaxInt, "`number` of times that each side is timed")
	cli.Choice(f, &set.pinning, "pinning", "how workers are bound, the `mode`; cpus works on Linux only",
		scheduler.Threads, scheduler.CPUs, scheduler.Fixed, scheduler.None)
	err := f.Parse(args) // before set is read
	return set, err
}

// compare runs both sides in turn and prints the report. The first run of each side only fills the
// system's file cache; the others are timed.
func compare(ctx context.Context, set settings, stdout, stderr io.Writer) error {
	root, err := cli.SourceTree(set.root, "pipeline -dir ./some/folder")
	if err != nil {
		return err
	}
	set.root = root
	// For a fair comparison, no side may compute on more CPUs than there are workers.
	defer cli.LimitProcs(set.workers)()
	fmt.Fprintf(stdout, "hashing the files under %s\n", root)
	sides := []struct {
		name string
		run  func(ctx context.Context, set settings, bar *cli.Counter) (*pass, error)
		done []*pass
	}{{name: "heddle", run: onHeddle}, {name: "goroutines", run: onGoroutines}}
	var first *pass
	for round := range set.rounds + 1 {
		for i := range sides {
			side := &sides[(round+i)%len(sides)] // each round another side goes first
			label := fmt.Sprintf("%s (round %d of %d)", side.name, round, set.rounds)
			if round == 0 {
				label = side.name + " (to fill the file cache)"
			}
			bar := cli.Count(stderr, label, 0, "files")
			p, err := side.run(ctx, set, bar)
			bar.Stop()
			if err != nil {
				return err
			}
			p.seal()
			if first == nil {
				first = p
				cli.Tell("pipeline", p.problems, stderr)
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
