package scheduler

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"github.com/heddle-go/heddle/internal/rt"
)

// Dump writes, for people to read, a line for each task that has not ended: its name if it was given one, its address,
// its state, and if it waits, for what and for how long, to the accuracy of sysmon's ticks (10 ms). A summary follows. If
// every task waits, and no timer is pending and no blocking call under way, it says so: then only something outside of the
// scheduler can wake one, and if nothing does, that is a deadlock.
//
// Nothing is stopped for it: each line is true of a moment during the call, not all of the same one. It may be called
// at any time, from anywhere, and blocks the calling goroutine as long as w does. It returns the error of w, if any.
func (s *Scheduler) Dump(w io.Writer) error {
	s.check()
	b := bufio.NewWriter(w)
	now := s.now()
	var n census
	s.descs.each(func(d *rt.Task) {
		if v, ok := s.view(d); ok {
			n.add(v)
			v.print(b, now)
		}
	})
	n.print(b, s)
	return b.Flush() // keeps the first error
}

// A view is what is seen of a task at one moment.
type view struct {
	d      *rt.Task
	name   string
	state  rt.State
	worker int           // if running
	why    rt.WaitReason // if waiting
	since  uint32        // in milliseconds of now, if timed
	timed  bool
}

// view looks at a task until two readings of its status agree, so that what it has read in between
// belongs together. A task that changes all the time is shown as it was when last seen.
func (s *Scheduler) view(d *rt.Task) (v view, ok bool) {
	const tries = 8
	for range tries {
		st := d.Status()
		if !st.InUse() {
			return v, false
		}
		v = view{d: d, name: d.Name(st.Gen()), state: d.State(), why: st.WaitReason()}
		switch v.state {
		case rt.Running:
			if w, ok := d.Worker().Host.(*worker); ok {
				v.worker = w.id
			}
		case rt.Waiting:
			if f := d.Fib(); f != nil {
				v.since, v.timed = f.Since.Load(), true
			}
		}
		if d.Status() == st {
			break
		}
	}
	return v, v.state != rt.Done
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
		fmt.Fprintf(b, " for %v", v.why)
		if v.timed {
			ms := int32(uint32(now/int64(time.Millisecond)) - v.since) // mod 2^32
			fmt.Fprintf(b, ", %v", time.Duration(max(0, ms))*time.Millisecond)
		}
	}
	b.WriteByte('\n')
}

// A census counts tasks by state.
type census struct {
	running, runnable, waiting int
	blocking                   int // of those that wait
}

func (n *census) add(v view) {
	switch v.state {
	case rt.Running:
		n.running++
	case rt.Runnable:
		n.runnable++
	case rt.Waiting:
		n.waiting++
		if v.why == rt.WaitBlocking {
			n.blocking++
		}
	}
}

// only reports whether there are n tasks and no worker is about to do anything: a task may have started another that the
// census has passed by.
func (s *Scheduler) only(n int) (yes bool) {
	s.idle.ifAllAsleep(func() { yes = s.live.Load() == int64(n) })
	return yes
}

var phaseText = [...]string{phaseOpen: "open", phaseDraining: "shutting down", phaseClosed: "closed"}

func (n *census) print(b *bufio.Writer, s *Scheduler) {
	timers := s.timers.len()
	state := phaseText[s.phase.Load()]
	if s.pause.on.Load() {
		state += ", paused"
	}
	fmt.Fprintf(b, "%d tasks: %d running, %d runnable, %d waiting; %d timers pending; %d workers, %d asleep; %s\n",
		n.running+n.runnable+n.waiting, n.running, n.runnable, n.waiting, timers, s.Workers(), s.idle.sleeping(), state)
	if n.waiting > 0 && n.running+n.runnable+n.blocking+timers == 0 && s.only(n.waiting) {
		b.WriteString("every task waits, no timer is pending and no blocking call under way: only something outside can wake one\n")
	}
}
