package look

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/perfetto"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// begins returns when the dispatches begin.
func begins(all []Dispatch) (at []int64) {
	for _, e := range all {
		at = append(at, e.begin)
	}
	return at
}

// fromTo returns the numbers from first to last.
func fromTo(first, last int64) (ns []int64) {
	for n := first; n <= last; n++ {
		ns = append(ns, n)
	}
	return ns
}

// read returns what the ring has when it begins, in order, also if the worker writes meanwhile.
func TestRingRead(t *testing.T) {
	var r Ring
	clock := func() int64 { return 1_000_000 }
	require.Empty(t, r.Read(clock))
	const most = 2 * ringPortion
	next := int64(0)
	add := func(n int) {
		for range n {
			next++
			r.add(Dispatch{begin: next}, most)
		}
	}
	add(3)
	all := r.Read(clock)
	require.Equal(t, fromTo(1, 3), begins(all))
	require.Equal(t, Dispatch{begin: 1, end: 2, ended: true}, all[0], "the next one ends it")
	require.Equal(t, Dispatch{begin: 3, end: 1_000_000}, all[2], "it goes on")
	add(most)
	require.Equal(t, fromTo(4, most+3), begins(r.Read(clock)), "the oldest are overwritten")
	portions := 0
	all = r.Read(func() int64 {
		if portions++; portions == 2 {
			add(ringPortion + 5)
		}
		return 1_000_000
	})
	require.Equal(t, append(fromTo(4, ringPortion+3), fromTo(ringPortion+9, most+3)...), begins(all),
		"after the first portion, the worker overwrote the second one up to here")
	require.Equal(t, 2, portions, "the reader does not follow the worker")
	add(1)
	r.all[(r.n-1)%most].begin = 2_000_000
	all = r.Read(clock)
	require.Equal(t, Dispatch{begin: 2_000_000, end: 2_000_000}, all[len(all)-1], "it began after the clock was read")
}

// A dispatch that ends at the time 0 is over, and nothing changes it any more.
func TestRingAtTheBeginning(t *testing.T) {
	var r Ring
	r.add(Dispatch{}, 2)
	r.endLocked(0, "sleep")
	r.endLocked(7, "")
	require.Equal(t, Dispatch{wait: "sleep", ended: true}, r.all[0])
}

// If a stolen task ran elsewhere, the next task that uses its descriptor does not count as stolen.
func TestRingStolenLife(t *testing.T) {
	var r Ring
	d := new(rt.Task)
	begin := func(other *rt.Task) int {
		r.Begin(other, 1, 8)
		return r.all[len(r.all)-1].from
	}
	d.Start(func(*task.Ctx) {}, nil)
	r.Stole(d, 2)
	require.Equal(t, 2, begin(d))
	require.Equal(t, -1, begin(d), "only the first dispatch is one of a stolen task")
	r.Stole(d, 2)
	d.Finish(rt.Returned)
	d.Start(func(*task.Ctx) {}, nil)
	require.Equal(t, -1, begin(d))
}

// A dispatch takes over the note of which worker woke its task.
func TestRingTakesTheWaker(t *testing.T) {
	var r Ring
	d := new(rt.Task)
	x := &rt.Extra{Look: &rt.Look{Woken: rt.Waking{By: rt.ByGoroutine}}}
	d.Start(func(*task.Ctx) {}, x)
	r.Begin(d, 1, 8)
	require.Equal(t, rt.ByGoroutine, r.all[0].woken.By)
	require.Zero(t, x.Look.Woken, "the next dispatch has no arrow, unless the task is woken again")
}

// arrowsOf returns the arrows among the events: each with its kind and its two ends.
func arrowsOf(events []perfetto.Event) (all [][2]perfetto.Event) {
	for i, e := range events {
		if e.Phase == "s" {
			all = append(all, [2]perfetto.Event{e, events[i+1]})
		}
	}
	return all
}

// Arrows begin in a dispatch that is shown, or in the row of timers and goroutines.
func TestTraceEvents(t *testing.T) {
	d := new(rt.Task)
	at := func(begin, end int64, woken rt.Waking, from int) Dispatch {
		return Dispatch{d: d, begin: begin * 1000, end: end * 1000, ended: true, woken: woken, from: from}
	}
	by := func(y rt.Waker, worker int, at int64) rt.Waking {
		return rt.Waking{By: y, Worker: worker, At: at * 1000}
	}
	events := traceEvents([][]Dispatch{
		{at(10, 20, rt.Waking{}, -1), at(30, 40, rt.Waking{}, -1), at(50, 50, rt.Waking{}, -1)},
		{
			at(5, 6, rt.Waking{}, -1), // is too old
			at(36, 37, by(rt.ByTask, 0, 35), -1),
			at(42, 43, by(rt.ByTask, 0, 41), -1), // by the end of the task
			at(44, 45, by(rt.ByTask, 0, 9), -1),  // from before
			at(46, 47, by(rt.ByTask, 2, 45), -1), // by a worker that Resize has just added
			at(52, 53, by(rt.ByTask, 0, 51), 0),  // by a dispatch of no length; and stolen
			at(60, 61, by(rt.ByTimer, 0, 59), -1),
			at(62, 63, by(rt.ByGoroutine, 0, 60), 2),
		},
	}, 7000)
	type arrow struct {
		kind     string
		from     int
		fromAt   float64
		to       int
		toAt     float64
		sameEnds bool
	}
	var got []arrow
	for _, a := range arrowsOf(events) {
		s, f := a[0], a[1]
		got = append(got, arrow{s.Name, s.Row, s.At, f.Row, f.At, s.ID == f.ID && s.Name == f.Name && f.Phase == "f"})
	}
	require.Equal(t, []arrow{
		{"wake", 0, 35, 1, 36, true},
		{"wake", 0, 39.999, 1, 42, true},
		{"wake", 0, 50, 1, 52, true},
		{"steal", 0, 50, 1, 52, true},
		{"timer", 2, 59, 1, 60, true},
		{"goroutine", 2, 60, 1, 62, true},
	}, got)
	var slices, rows []string
	for _, e := range events {
		switch {
		case e.Phase == "X" && e.Row == 2:
			slices = append(slices, e.Name)
			require.Equal(t, 0.001, e.For)
		case e.Phase == "M":
			rows = append(rows, e.Args["name"])
		}
	}
	require.Equal(t, []string{"timer", "goroutine"}, slices)
	require.Equal(t, []string{"worker 0", "worker 1", "timers and goroutines"}, rows)
	require.Len(t, traceEvents([][]Dispatch{nil, nil}, 0), 2, "without such arrows there is no row for them")
}
