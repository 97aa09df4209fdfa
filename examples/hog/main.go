// Hog shows how a task that computes for a long time delays short tasks beside it, with and without
// checkpoints, and how the Go runtime treats goroutines in the same situation.
//
//	go run ./examples/hog [-for duration]
//
// Each worker gets a hog. Beside the hogs a metronome starts a short task every few milliseconds. A
// short task's latency runs from the time at which it was due to its end. So if the metronome
// itself is delayed, the latencies show that too.
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
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	var length time.Duration
	f := cli.NewFlags("hog [-for duration]",
		"Shows the latency of short tasks beside tasks that compute all the time.", stderr)
	f.DurationRange(&length, "for", 600*time.Millisecond, 50*time.Millisecond, math.MaxInt64,
		"how `long` each of the four parts takes")
	if err := f.Parse(args); err != nil {
		return cli.ParseCode(err)
	}
	return cli.Code("hog", show(length, stdout), stderr)
}

// period is the time between two short tasks.
const period = 4 * time.Millisecond

func show(length time.Duration, w io.Writer) error {
	workers := runtime.GOMAXPROCS(0)
	fmt.Fprintf(w, "%d hogs on %d workers, quantum %v, a short task every %v, %v each:\n\n", workers, workers, quantum, period, length)
	fmt.Fprintf(w, "%-42s %10s %10s %10s %8s  %s\n", "", "p50", "p99", "max", "short", "hogs' work")

	polite, _, err := onHeddle(length, true)
	if err != nil {
		return err
	}
	polite.print(w, "heddle, hogs call Checkpoint")
	rude, stalls, err := onHeddle(length, false)
	if err != nil {
		return err
	}
	rude.print(w, "heddle, hogs never give way")
	onGoroutines(length, runtime.Gosched).print(w, "goroutines, hogs call Gosched")
	onGoroutines(length, func() {}).print(w, "goroutines, hogs never give way")

	fmt.Fprintf(w, "\nstall reports, from the part where the tasks never gave way:\n")
	for _, s := range stalls {
		fmt.Fprintf(w, "  %s\n", s)
	}
	fmt.Fprintf(w, "\nThe Go runtime interrupts a goroutine after 10 ms. heddle interrupts nobody: a loop that may run\n"+
		"for long has to call Checkpoint, and one that does not is named in the log.\n")
	return nil
}

// An outcome is the result of one part.
type outcome struct {
	latencies []time.Duration // latencies of the short tasks
	chunks    int64           // chunks of work that the hogs did
}

func (o outcome) print(w io.Writer, name string) {
	slices.Sort(o.latencies)
	at := func(share float64) string {
		if len(o.latencies) == 0 {
			return "-"
		}
		i := int(share * float64(len(o.latencies)-1))
		return fmt.Sprintf("%.2f ms", float64(o.latencies[i].Microseconds())/1000)
	}
	fmt.Fprintf(w, "%-42s %10s %10s %10s %8d  %.1f million chunks\n", name, at(0.5), at(0.99), at(1), len(o.latencies), float64(o.chunks)/1e6)
}

// A recorder collects the latencies of short tasks. Each task has an element of its own, so no lock
// is needed.
type recorder struct {
	start time.Time
	took  []time.Duration
}

func newRecorder(length time.Duration) *recorder {
	return &recorder{start: time.Now(), took: make([]time.Duration, length/period)}
}

// due returns the time at which short task i has to start.
func (r *recorder) due(i int) time.Time { return r.start.Add(time.Duration(i+1) * period) }

// short is the body of short task i.
func (r *recorder) short(i int) {
	var x uint32
	chunk(&x)
	r.took[i] = time.Since(r.due(i))
}

// hog computes until end and returns the number of chunks it did. It calls giveWay after each
// chunk.
func hog(end time.Time, giveWay func()) (chunks int64) {
	var x uint32
	for {
		for range 64 {
			chunk(&x)
			giveWay()
			chunks++
		}
		if time.Now().After(end) {
			return chunks
		}
	}
}

// chunk does about half a microsecond of work on x. The caller uses x afterwards, so the compiler
// cannot drop the work.
//
//go:noinline
func chunk(x *uint32) {
	y := *x | 1
	for range 300 {
		y ^= y << 13
		y ^= y >> 17
		y ^= y << 5
	}
	*x = y
}
