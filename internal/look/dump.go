package look

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// A Source is a scheduler as Dump and DumpGroups see it.
type Source interface {
	Now() int64 // nanoseconds since the scheduler was made
	Views() iter.Seq[View]
	Circles() iter.Seq[[]View] // nothing if the tasks do not note what they wait for
	Outline() Outline
	Only(n int) bool // the scheduler has exactly n tasks, and all workers sleep
}

// An Outline is what the last line of a dump says of the scheduler.
type Outline struct {
	Timers            int // pending ones
	Workers, Sleeping int
	State             string
}

// Dump writes what Dump of package scheduler says.
func Dump(w io.Writer, s Source) error {
	b := bufio.NewWriter(w)
	now := s.Now()
	var n census
	printDeadlocks(b, s.Circles())
	for v := range s.Views() {
		n.add(v)
		v.print(b, now)
	}
	n.print(b, s)
	return b.Flush() // keeps the first error
}

// DumpGroups writes what DumpGroups of package scheduler says.
func DumpGroups(w io.Writer, s Source) error {
	now := s.Now()
	var n census
	groups := map[groupKey]*group{}
	for v := range s.Views() {
		n.add(v)
		k := groupKey{name: v.Name, state: v.State, level: v.Level}
		if v.State == rt.Waiting {
			k.reason = v.Reason
		}
		g := groups[k]
		if g == nil {
			g = &group{groupKey: k, least: math.MaxInt64}
			groups[k] = g
		}
		g.add(v.Waited(now))
	}
	list := slices.SortedFunc(maps.Values(groups), func(a, b *group) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.name, b.name), cmp.Compare(a.state, b.state),
			cmp.Compare(a.reason, b.reason), cmp.Compare(a.level, b.level))
	})
	b := bufio.NewWriter(w)
	printDeadlocks(b, s.Circles())
	for _, g := range list {
		g.print(b)
	}
	n.print(b, s)
	return b.Flush()
}

// A groupKey is what the tasks of a line of DumpGroups have in common.
type groupKey struct {
	name   string
	state  rt.State
	level  rt.Level
	reason rt.WaitReason // if waiting
}

type group struct {
	groupKey
	n           int
	least, most time.Duration // how long they have waited
}

func (g *group) add(waited time.Duration) {
	g.n++
	g.least, g.most = min(g.least, waited), max(g.most, waited)
}

func (g *group) print(b *bufio.Writer) {
	fmt.Fprintf(b, "%d tasks ", g.n)
	if g.name != "" {
		fmt.Fprintf(b, "%q ", g.name)
	}
	if g.level != rt.Normal {
		fmt.Fprintf(b, "(%v) ", task.Level(g.level))
	}
	b.WriteString(g.state.String())
	if g.state == rt.Waiting {
		fmt.Fprintf(b, " for %v, %v to %v", g.reason, g.least, g.most)
	}
	b.WriteByte('\n')
}

func (v View) print(b *bufio.Writer, now int64) {
	b.WriteString("task ")
	if v.Name != "" {
		fmt.Fprintf(b, "%q ", v.Name)
	}
	fmt.Fprintf(b, "(%p): %v", v.Task, v.State)
	switch v.State {
	case rt.Running:
		fmt.Fprintf(b, " on worker %d", v.Worker)
	case rt.Waiting:
		fmt.Fprintf(b, " for %v", v.Reason)
		if v.Wait.At.Object != nil {
			fmt.Fprintf(b, " (%p)", v.Wait.At.Object)
		}
		if v.Holder.Task() != nil {
			fmt.Fprintf(b, " held up by %s", labelOf(v.Holder))
		}
		if v.timed {
			fmt.Fprintf(b, ", %v", v.Waited(now))
		}
		printSite(b, "at", v.Wait.Site)
	}
	if v.Look != nil {
		printSite(b, "started at", v.Look.Started)
	}
	b.WriteByte('\n')
}

// printSite writes where pc is, if it is not 0.
func printSite(b *bufio.Writer, what string, pc uintptr) {
	if f := Frame(pc); f.PC != 0 {
		fmt.Fprintf(b, ", %s %s (%s:%d)", what, f.Function, f.File, f.Line)
	}
}

// A census counts tasks by state.
type census struct {
	running, runnable, waiting int
	blocking                   int // those of waiting that wait for a blocking call
}

func (n *census) add(v View) {
	switch v.State {
	case rt.Running:
		n.running++
	case rt.Runnable:
		n.runnable++
	case rt.Waiting:
		n.waiting++
		if v.Reason == rt.WaitBlocking {
			n.blocking++
		}
	}
}

func (n *census) print(b *bufio.Writer, s Source) {
	o := s.Outline()
	fmt.Fprintf(b, "%d tasks: %d running, %d runnable, %d waiting; %d timers pending; %d workers, %d asleep; %s\n",
		n.running+n.runnable+n.waiting, n.running, n.runnable, n.waiting, o.Timers, o.Workers, o.Sleeping, o.State)
	if n.waiting > 0 && n.running+n.runnable+n.blocking+o.Timers == 0 && s.Only(n.waiting) {
		b.WriteString("every task waits, no timer is pending and no blocking call under way: only something outside can wake one\n")
	}
}
