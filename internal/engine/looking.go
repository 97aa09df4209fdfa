package engine

import (
	"io"
	"iter"

	"github.com/heddle-go/heddle/internal/look"
	"github.com/heddle-go/heddle/internal/rt"
)

// This file has what package scheduler, and package look on its behalf, read of a scheduler: see
// look.Source.

var _ look.Source = (*Scheduler)(nil)

// Now is the scheduler's clock: monotonic nanoseconds since it was made.
func (s *Scheduler) Now() int64 { return s.now() }

// Looks returns what the tasks note about themselves.
func (s *Scheduler) Looks() rt.Looks { return s.looks }

// Has reports whether d is a descriptor of s.
func (s *Scheduler) Has(d *rt.Task) bool { return d != nil && d.Shared() == &s.shared }

// Views returns an iterator over the tasks that have not ended.
func (s *Scheduler) Views() iter.Seq[look.View] { return look.Views(s.taskPool.Chunks()) }

// Circles returns an iterator over the deadlocks among the tasks, if these note what they wait for.
func (s *Scheduler) Circles() iter.Seq[[]look.View] {
	if s.looks&rt.LookWaits == 0 {
		return func(func([]look.View) bool) {}
	}
	return look.Circles(s.Views())
}

// Only reports whether the scheduler has exactly n tasks and all workers sleep. That a reader has
// counted n tasks does not show that, because one of them may have started another one since.
func (s *Scheduler) Only(n int) (yes bool) {
	s.idle.IfAllAsleep(func() { yes = s.live.Load() == int64(n) })
	return yes
}

// Outline returns what a dump says of the scheduler.
func (s *Scheduler) Outline() look.Outline {
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
func (s *Scheduler) WaitPlaces() []look.Place { return s.waitProfile.Places() }

// WriteWaitProfile writes the waits that were sampled.
func (s *Scheduler) WriteWaitProfile(w io.Writer) error {
	return s.waitProfile.WriteTo(w, s.cfg.WaitRate, s.start)
}
