package scheduler

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Dump writes a line for each task that has not ended, for people to read: its name if it has one,
// its address, its state, and if it waits, for what and how long, to within about 10 ms. A summary
// follows. If every task waits, no timer is pending and no blocking call is under way, Dump says
// so. Then only something outside of the scheduler can wake a task, and if nothing does, that is a
// deadlock.
//
// The tasks go on meanwhile, so each line is true of its own moment during the call. Any goroutine
// or task may call Dump at any time. It blocks the calling goroutine as long as w does, and returns
// the error of w, if there is one. Programs get the same from [Scheduler.Tasks]. For very many
// tasks use [Scheduler.DumpGroups].
func (s *Scheduler) Dump(w io.Writer) error {
	s.check()
	b := bufio.NewWriter(w)
	now := s.now()
	var n census
	s.printDeadlocks(b)
	for v := range s.views() {
		n.add(v)
		v.print(b, now)
	}
	n.print(b, s)
	return b.Flush() // keeps the first error
}

// DumpGroups is [Scheduler.Dump] with one line for each group of tasks. The tasks of a group have
// the same name, state and level, and wait for the same. A line says how many tasks the group has,
// and the shortest and the longest time that they have waited. The largest group comes first.
func (s *Scheduler) DumpGroups(w io.Writer) error {
	s.check()
	now := s.now()
	var n census
	groups := map[groupKey]*group{}
	for v := range s.views() {
		n.add(v)
		k := groupKey{name: v.name, state: v.state, level: v.level}
		if v.state == rt.Waiting {
			k.reason = v.reason
		}
		g := groups[k]
		if g == nil {
			g = &group{groupKey: k, least: math.MaxInt64}
			groups[k] = g
		}
		g.add(v.waited(now))
	}
	list := slices.SortedFunc(maps.Values(groups), func(a, b *group) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.name, b.name), cmp.Compare(a.state, b.state),
			cmp.Compare(a.reason, b.reason), cmp.Compare(a.level, b.level))
	})
	b := bufio.NewWriter(w)
	s.printDeadlocks(b)
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

func (v view) print(b *bufio.Writer, now int64) {
	b.WriteString("task ")
	if v.name != "" {
		fmt.Fprintf(b, "%q ", v.name)
	}
	fmt.Fprintf(b, "(%p): %v", v.d, v.state)
	switch v.state {
	case rt.Running:
		fmt.Fprintf(b, " on worker %d", v.worker)
	case rt.Waiting:
		fmt.Fprintf(b, " for %v", v.reason)
		if v.wait.At.Object != nil {
			fmt.Fprintf(b, " (%p)", v.wait.At.Object)
		}
		if v.holder.Task() != nil {
			fmt.Fprintf(b, " held up by %s", labelOf(v.holder))
		}
		if v.timed {
			fmt.Fprintf(b, ", %v", v.waited(now))
		}
		printSite(b, "at", v.wait.Site)
	}
	if v.look != nil {
		printSite(b, "started at", v.look.Started)
	}
	b.WriteByte('\n')
}

// printSite writes where pc is, if it is not 0.
func printSite(b *bufio.Writer, what string, pc uintptr) {
	if f := (Site{pc}).Frame(); f.PC != 0 {
		fmt.Fprintf(b, ", %s %s (%s:%d)", what, f.Function, f.File, f.Line)
	}
}

// A census counts tasks by state.
type census struct {
	running, runnable, waiting int
	blocking                   int // those of waiting that wait for a blocking call
}

func (n *census) add(v view) {
	switch v.state {
	case rt.Running:
		n.running++
	case rt.Runnable:
		n.runnable++
	case rt.Waiting:
		n.waiting++
		if v.reason == rt.WaitBlocking {
			n.blocking++
		}
	}
}

// only reports whether the scheduler has exactly n tasks and all workers sleep. A census does not
// show that, because a task that it has counted may have started another task since.
func (s *Scheduler) only(n int) (yes bool) {
	s.idle.IfAllAsleep(func() { yes = s.live.Load() == int64(n) })
	return yes
}

var phaseText = [...]string{phaseOpen: "open", phaseDraining: "shutting down", phaseClosed: "closed"}

func (n *census) print(b *bufio.Writer, s *Scheduler) {
	timers := s.timers.Len()
	state := phaseText[s.phase.Load()]
	if s.pause.on.Load() {
		state += ", paused"
	}
	fmt.Fprintf(b, "%d tasks: %d running, %d runnable, %d waiting; %d timers pending; %d workers, %d asleep; %s\n",
		n.running+n.runnable+n.waiting, n.running, n.runnable, n.waiting, timers, s.Workers(), s.idle.Sleeping(), state)
	if n.waiting > 0 && n.running+n.runnable+n.blocking+timers == 0 && s.only(n.waiting) {
		b.WriteString("every task waits, no timer is pending and no blocking call under way: only something outside can wake one\n")
	}
}
