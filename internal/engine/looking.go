package engine

import (
	"io"
	"iter"
	"time"

	"github.com/heddle-go/heddle/internal/histogram"
	"github.com/heddle-go/heddle/internal/look"
	"github.com/heddle-go/heddle/internal/rt"
)

// A Reader is a scheduler as package scheduler reads it for people. Some of its methods make up
// look.Source, by which package look reads it for a dump.
type Reader Scheduler

var _ look.Source = (*Reader)(nil)

// Reader returns s as it is read for people.
func (s *Scheduler) Reader() *Reader { return (*Reader)(s) }

// Now is the scheduler's clock: monotonic nanoseconds since it was made.
func (s *Reader) Now() int64 { return s.now() }

// Looks returns what the tasks note about themselves.
func (s *Reader) Looks() rt.Looks { return s.looks }

// Has reports whether d is a descriptor of s.
func (s *Reader) Has(d *rt.Task) bool { return d != nil && d.Shared() == &s.shared }

// Views returns an iterator over the tasks that have not ended.
func (s *Reader) Views() iter.Seq[look.View] { return look.Views(s.taskPool.Chunks()) }

// Circles returns an iterator over the deadlocks among the tasks, if these note what they wait for.
func (s *Reader) Circles() iter.Seq[[]look.View] {
	if s.looks&rt.LookWaits == 0 {
		return func(func([]look.View) bool) {}
	}
	return look.Circles(s.Views())
}

// Only reports whether the scheduler has exactly n tasks and all workers sleep. A reader that has
// counted n tasks cannot know that by itself, because a task may have started another one since.
func (s *Reader) Only(n int) (yes bool) {
	s.idle.IfAllAsleep(func() { yes = s.live.Load() == int64(n) })
	return yes
}

// Outline returns what a dump says of the scheduler.
func (s *Reader) Outline() look.Outline {
	o := look.Outline{
		Timers: s.timers.Len(), Workers: s.Workers(), Sleeping: s.idle.Sleeping(), State: phaseText[s.phase.Load()],
	}
	if s.pause.on.Load() {
		o.State += ", paused"
	}
	return o
}

var phaseText = [...]string{phaseOpen: "open", phaseDraining: "shutting down", phaseClosed: "closed"}

// WaitPlaces returns the places of the waits that were sampled.
func (s *Reader) WaitPlaces() []look.Place { return s.waitProfile.Places() }

// WriteWaitProfile writes the waits that were sampled.
func (s *Reader) WriteWaitProfile(w io.Writer) error {
	return s.waitProfile.WriteTo(w, s.cfg.WaitRate, s.start)
}

// WriteTrace does what scheduler.Scheduler.WriteTrace says, for a scheduler with LookRing.
func (s *Reader) WriteTrace(w io.Writer, d time.Duration) error {
	since := s.now() - int64(d)
	var rows [][]look.Dispatch
	for _, v := range s.workers() {
		rows = append(rows, v.ring.Read(s.now))
	}
	return look.WriteTrace(w, rows, since)
}

// Latencies has what scheduler.Latencies has.
type Latencies struct {
	Mode          LatencyMode
	Levels        [3]TaskLatencies
	Names         map[string]TaskLatencies
	Other         TaskLatencies
	Timers, Wakes histogram.Snapshot
}

// TaskLatencies has what scheduler.TaskLatencies has.
type TaskLatencies struct{ Queue, Dispatch histogram.Snapshot }

func (t *TaskLatencies) add(g *taskGauge) {
	t.Queue.Add(&g.queue)
	t.Dispatch.Add(&g.dispatch)
}

// Latencies adds up the latencies of all workers. It returns nil without scheduler.WithLatencies.
func (s *Reader) Latencies() *Latencies {
	if s.measuring == nil || s.measuring.mode == 0 {
		return nil
	}
	l := &Latencies{Mode: s.measuring.mode}
	if s.measuring.names.limit > 0 {
		l.Names = map[string]TaskLatencies{}
	}
	l.Timers.Add(&s.sysmon.late)
	for _, w := range s.workers() {
		g := w.gauge
		for i := range g.levels {
			l.Levels[i].add(&g.levels[i])
		}
		l.Other.add(&g.other)
		l.Timers.Add(&g.late)
		l.Wakes.Add(&g.wakes)
		if named := g.published.Load(); named != nil {
			for name, t := range *named {
				sum := l.Names[name]
				sum.add(t)
				l.Names[name] = sum
			}
		}
	}
	return l
}
