// Mandelbrot renders the Mandelbrot set three times: sequentially, with goroutines and with
// parallel.For. It writes the image as a PNG file and prints the time and the speed-up of each way.
//
// It needs no set-up:
//
//	go run ./examples/mandelbrot [-workers n] [-width n] [-height n] [-depth n] [-o file]
//
// Rows that cross the set take a hundred times as long as rows at the edge. With equal shares,
// workers would be idle, so the image is a fair test of a scheduler. Only heddle.go uses the
// scheduler.
package main

import (
	"errors"
	"flag"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/heddle-go/heddle/scheduler"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// settings holds the values of the command line.
type settings struct {
	view
	workers int
	out     string
}

// run is main with its surroundings as arguments. It returns the exit code: 0, or 1 if something
// failed, or 2 if the command line was wrong.
func run(args []string, stdout, stderr io.Writer) int {
	set, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2 // parse has printed the reason
	}
	if err := render(set, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "mandelbrot: %v\n", err)
		return 1
	}
	return 0
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var set settings
	f := flag.NewFlagSet("mandelbrot", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.IntVar(&set.workers, "workers", runtime.GOMAXPROCS(0), "`number` of workers; fewer than GOMAXPROCS lower that, for the goroutines too")
	f.IntVar(&set.width, "width", 900, "width of the image, in `pixels`")
	f.IntVar(&set.height, "height", 600, "height of the image, in `pixels`")
	f.IntVar(&set.depth, "depth", 1000, "`number` of iterations after which a point counts as in the set")
	f.StringVar(&set.out, "o", filepath.Join(os.TempDir(), "mandelbrot.png"), "`file` to write")
	f.Usage = func() {
		fmt.Fprint(stderr, "usage: mandelbrot [flags]\n\n"+
			"Renders the Mandelbrot set sequentially, with goroutines and with heddle, writes it as a PNG\n"+
			"file, and shows how long each took.\n\n")
		f.PrintDefaults()
	}
	if err := f.Parse(args); err != nil {
		return set, err
	}
	complain := func(format string, a ...any) (settings, error) {
		err := fmt.Errorf(format, a...)
		fmt.Fprintf(stderr, "mandelbrot: %v\n", err)
		f.Usage()
		return set, err
	}
	const most = 1 << 15
	switch {
	case f.NArg() > 0:
		return complain("want flags only, not %q", f.Args())
	case set.workers < 1 || set.workers > scheduler.MaxWorkers:
		return complain("-workers %d: want 1 to %d", set.workers, scheduler.MaxWorkers)
	case set.width < 1 || set.width > most || set.height < 1 || set.height > most:
		return complain("-width %d -height %d: want 1 to %d", set.width, set.height, most)
	case set.depth < 1:
		return complain("-depth %d: want 1 or more", set.depth)
	}
	return set, nil
}

// render renders the image by each side in turn, compares the pixels, prints the report and writes
// the file. It opens the file first, so that a wrong name shows before the long rendering.
func render(set settings, stdout, stderr io.Writer) error {
	// O_TRUNC is left out, so that a failed rendering leaves the old content in the file.
	file, err := os.OpenFile(set.out, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	defer file.Close() // after success this is a second Close, which does no harm
	// For a fair comparison, no side may compute on more CPUs than there are workers.
	if procs := runtime.GOMAXPROCS(0); set.workers < procs {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(set.workers))
	}
	fmt.Fprintf(stdout, "rendering %d x %d pixels, up to %d iterations each, workers=%d\n", set.width, set.height, set.depth, set.workers)
	var first *image.RGBA
	var base time.Duration
	for _, side := range sides {
		img := image.NewRGBA(image.Rect(0, 0, set.width, set.height))
		bar := newBar(stderr, side.name)
		start := time.Now()
		err := side.render(set.view, img, set.workers, bar.show)
		took := time.Since(start)
		bar.end()
		if err != nil {
			return fmt.Errorf("%s: %w", side.name, err)
		}
		if first == nil {
			first, base = img, took
		} else if string(img.Pix) != string(first.Pix) {
			return fmt.Errorf("%s: the image differs from that of %s", side.name, sides[0].name)
		}
		fmt.Fprintf(stdout, "  %-11s %8.1f ms   x %.2f\n", side.name, float64(took.Microseconds())/1000, base.Seconds()/took.Seconds())
	}
	if err := write(file, first); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "all three alike; written to %s\n", set.out)
	return nil
}

// write replaces the content of f by the image and closes f.
func write(f *os.File, img image.Image) error {
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		if err := f.Truncate(0); err != nil {
			return err
		}
	}
	if err := png.Encode(f, img); err != nil {
		return err
	}
	return f.Close()
}
