package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/heddle-go/heddle/benchmarks/results"
)

// pictures are all that the command draws.
var pictures = []struct {
	name string
	draw func(d *data) ([]byte, error)
}{
	{"ratios-programs", ratiosOf("Whole programs", programs)},
	{"ratios-tasks", ratiosOf("Starting, waking and storing tasks", tasks)},
	{"ratios-waiting", ratiosOf("Channels, locks, timers and blocking calls", waiting)},
	{"ratios-computing", computing},
	{"peers", peers},
	{"outstanding", outstanding},
	{"workers", workers},
	{"timers", timers},
	{"service", service},
}

// The benchmarks of the pictures of ratios. All others are computations.
var (
	programs = []string{
		"Service", "Files", "Pipeline", "ActorTree", "ActorMemory", "SmallBatch", "Banking",
	}
	tasks = []string{
		"Spawn", "SpawnSame", "Submit", "Yield", "PingPong", "WakeIdle", "Hog", "Memory", "IdleCPU",
	}
	waiting = []string{
		"ChanPingPong", "ChanBuffered", "ChanFanIn", "Select", "Mutex", "Group", "SleepMany",
		"Timers", "TimerLateness",
		"Blocking", "Calls", "ThreadRing", "ThreadRingChan", "SkynetChan",
	}
)

func pictureNames() string {
	var names []string
	for _, p := range pictures {
		names = append(names, p.name)
	}
	return strings.Join(names, ", ")
}

func sortedCopy(xs []float64) []float64 {
	xs = slices.Clone(xs)
	slices.Sort(xs)
	return xs
}

// ratiosOf returns a function that draws the lines of the named benchmarks. Each must have results.
func ratiosOf(title string, names []string) func(d *data) ([]byte, error) {
	return func(d *data) ([]byte, error) {
		for _, name := range names {
			if !slices.ContainsFunc(d.lines, func(l results.Line) bool { return l.Bench == name }) {
				return nil, noRow("Benchmark" + name)
			}
		}
		return ratios(d, title, func(bench string) bool { return slices.Contains(names, bench) })
	}
}

// computing draws the lines of all benchmarks that the other pictures do not show.
func computing(d *data) ([]byte, error) {
	elsewhere := slices.Concat(programs, tasks, waiting, []string{"Oversubscribed"})
	return ratios(d, "Computations", func(bench string) bool {
		return !slices.Contains(elsewhere, bench)
	})
}

// ratios draws the lines of the benchmarks that are wanted. Lines without a baseline are left out.
func ratios(d *data, title string, wanted func(bench string) bool) ([]byte, error) {
	c := &dotChart{
		title: title, note: d.note(),
		about: "time of heddle / time of the best goroutines: median and quartiles; less is better",
	}
	for _, l := range d.lines {
		if wanted(l.Bench) && len(l.Ratios) > 0 {
			c.add(l.Name(), l.Workers, spreadOf(l.Ratios))
		}
	}
	if len(c.rows) == 0 {
		return nil, errors.New("no result has a ratio to goroutines")
	}
	return c.svg()
}

// note says where and how often was measured.
func (d *data) note() string {
	return fmt.Sprintf("%s; %d rounds", d.raw.Machine, d.raw.Rounds)
}

// peers draws a field for each scenario and each library.
func peers(d *data) ([]byte, error) {
	c := &fieldChart{
		title: "Other libraries, two workers",
		about: "their time / heddle's, medians; blue: heddle is faster, orange: it is slower",
		note:  d.note(),
	}
	columns := map[string]int{}
	for _, l := range d.lines {
		if len(l.Peers) == 0 || l.Workers != 2 {
			continue
		}
		row := fieldRow{title: l.Name(), fields: map[string]float64{}}
		for _, o := range l.Others() {
			name, _, _ := strings.Cut(o.Name, ",") // the style of the goroutines is left out
			if len(o.Ratios) > 0 {
				row.fields[name] = 1 / results.Median(o.Ratios)
				columns[name]++
			}
		}
		c.rows = append(c.rows, row)
	}
	if len(c.rows) == 0 {
		return nil, noRow("another library with two workers")
	}
	// The libraries for Go come first, then those of other languages, each group by name.
	rank := func(name string) string {
		if slices.Contains([]string{"onetbb", "openmp", "rayon", "tokio"}, name) {
			return "2" + name
		}
		if name == "goroutines" {
			return "0"
		}
		return "1" + name
	}
	for name := range columns {
		c.columns = append(c.columns, name)
	}
	slices.SortFunc(c.columns, func(a, b string) int { return strings.Compare(rank(a), rank(b)) })
	return c.svg()
}

// sides are the sides of the curves.
const (
	heddleSide = "heddle"
	goSide     = "goroutines"
)

// outstanding draws the cost of starting a unit.
func outstanding(d *data) ([]byte, error) {
	var panels []panel
	for _, b := range []struct{ name, title string }{
		{"Spawn", "Spawn: by a running unit"}, {"Submit", "Submit: from outside"},
	} {
		p := panel{
			title: b.title, x: "units started before a wait", y: "ns a unit", logX: true, logY: true,
		}
		for _, side := range []struct{ name, impl, style string }{
			{heddleSide, "heddle", ""}, {goSide, "goroutines", ""},
			{"pool by hand", "goroutines", "/style=pool"},
		} {
			cv := curve{name: side.name}
			for _, n := range []int{1, 100, 10_000, 1_000_000} {
				row := fmt.Sprintf(
					"Benchmark%s/impl=%s/workers=2/outstanding=%d%s", b.name, side.impl, n,
					side.style,
				)
				y, err := d.column(row, "ns/op")
				if err != nil {
					return nil, err
				}
				cv.points = append(cv.points, point{float64(n), y})
			}
			p.curves = append(p.curves, cv)
		}
		panels = append(panels, p)
	}
	return curves("Cost of a task, two workers", d.note(), panels)
}

// workers draws the ratio to two workers.
func workers(d *data) ([]byte, error) {
	cv := curve{name: heddleSide}
	for _, n := range []int{2, 8, 64, 256} {
		row := fmt.Sprintf(
			"BenchmarkOversubscribed/impl=heddle/workers=%d/procs=2/against=workers2", n,
		)
		y, err := d.column(row, "ratio")
		if err != nil {
			return nil, err
		}
		cv.points = append(cv.points, point{float64(n), y})
	}
	return curves("More workers than Ps: fib(27) by forks, two Ps", d.note(), []panel{
		{x: "workers", y: "time / time with 2 workers", logX: true, curves: []curve{cv}},
	})
}

// timers draws the cost of a timer.
func timers(d *data) ([]byte, error) {
	var panels []panel
	for _, w := range []int{1, 2} {
		p := panel{
			title: fmt.Sprintf("%d worker%s", w, map[int]string{2: "s"}[w]), x: "pending timers",
			y: "ns to arm and stop one", logX: true,
		}
		for _, side := range []string{heddleSide, goSide} {
			cv := curve{name: side}
			for _, n := range []int{1, 100, 10_000, 100_000} {
				y, err := d.column(
					fmt.Sprintf("BenchmarkTimers/impl=%s/workers=%d/pending=%d", side, w, n),
					"ns/op",
				)
				if err != nil {
					return nil, err
				}
				cv.points = append(cv.points, point{float64(n), y})
			}
			p.curves = append(p.curves, cv)
		}
		panels = append(panels, p)
	}
	return curves("Cost of a timer", d.note(), panels)
}

// servicePercents are the points of the distribution that the benchmark reports.
var servicePercents = []int{10, 25, 50, 75, 90, 95, 99}

// service draws the distribution of latencies. Its axis is the logarithm of the share of requests
// that take longer, so that the tail has room.
func service(d *data) ([]byte, error) {
	var panels []panel
	for _, load := range []int{25, 50, 90} {
		p := panel{
			title: fmt.Sprintf("%d%% load", load), x: "percentile of the requests",
			y: "latency, ms", logY: true,
		}
		for _, percent := range servicePercents {
			p.ticks = append(p.ticks, tick{tail(percent), fmt.Sprint(percent)})
		}
		row := fmt.Sprintf(
			"BenchmarkService/impl=heddle/workers=2/load=%d/against=each+semaphore+pool", load,
		)
		for _, side := range []struct{ name, title string }{
			{"heddle", heddleSide}, {"each", "goroutine each"}, {"semaphore", "semaphore"},
			{"pool", "pool by hand"},
		} {
			cv := curve{name: side.title}
			for _, percent := range servicePercents {
				y, err := d.column(row, fmt.Sprintf("p%d-of-%s-ns", percent, side.name))
				if err != nil {
					return nil, err
				}
				const ms = 1e6
				cv.points = append(
					cv.points, point{tail(percent), spread{y.low / ms, y.mid / ms, y.high / ms}},
				)
			}
			p.curves = append(p.curves, cv)
		}
		panels = append(panels, p)
	}
	return curves("An HTTP service with 200 us of work a request, two workers", d.note(), panels)
}

func tail(percent int) float64 { return -math.Log10(1 - float64(percent)/100) }
