package scheduler

import (
	"fmt"
	"time"

	"github.com/heddle-go/heddle/preempt"
	"github.com/heddle-go/heddle/task"
)

// A unit is a worker as the monitor sees it.
type unit struct{ *worker }

// Dispatch implements preempt.Unit.
func (u unit) Dispatch() (preempt.Dispatch, bool) {
	// The two words are written one after the other. If the number is the same before
	// and after, the task belongs to it, or to the one before: then the mark
	// misses, which is no harm.
	id := u.worker.Worker.Dispatch.Load()
	d := u.Current.Load()
	if d == nil || u.worker.Worker.Dispatch.Load() != id {
		return preempt.Dispatch{}, false
	}
	s := d.Status()
	if !s.InUse() {
		return preempt.Dispatch{}, false
	}
	return preempt.Dispatch{Flag: &d.Flag, Life: uint64(s.Gen()), ID: id}, true
}

// Nudge implements preempt.Nudger: a fork does not look at the flag, which would double its cost, but
// at whether a thief has asked.
func (u unit) Nudge() { u.Forks.Thief().Ask() }

// Stalled implements preempt.Unit.
func (u unit) Stalled(p preempt.Dispatch, age time.Duration) {
	w := u.worker
	d := w.Current.Load()
	if d == nil || &d.Flag != p.Flag || d.Gen() != uint32(p.Life) {
		return // it has just ended
	}
	t := task.HandleOf(d, d.Gen())
	w.s.stalls.Add(1)
	name := t.Name()
	if name == "" {
		name = fmt.Sprintf("%p", d) // as Dump shows it
	}
	w.s.logger().Warn("heddle: a task has passed no yield point and holds its worker",
		"task", name, "state", t.State().String(), "age", age, "worker", w.id,
		"hint", "it computes without Checkpoint, or is blocked: by a system call, a native channel or lock, or an operation that was passed another context than the task's c")
	if f := w.s.cfg.onStall; f != nil {
		w.s.inHandler(func() { f(Stall{Task: t, Name: t.Name(), Worker: w.id, Age: age}) })
	}
}

// sysmonTick is what the monitor does at each tick besides looking at the workers.
func (s *Scheduler) sysmonTick(now int64) (next int64, busy bool) {
	s.setAbout(now)
	if s.timers.due(now) {
		// On behalf of workers that all are busy, or all sleep.
		busy = s.timers.expire(now, s.inject) > 0
	}
	if s.freeNextSlots() {
		busy = true
	}
	s.watchStranded(now)
	s.refreshProcs()
	if now-s.trimmed > trimEvery {
		s.trimmed = now
		s.loopers.trim()
		s.descs.trim()
		s.timers.trim()
	}
	return s.timers.first.Load(), busy
}

// trimEvery is how long pooled things must have been superfluous before the first half
// of them is given back.
const trimEvery = int64(time.Second)

// freeNextSlots wakes a worker for tasks that are stuck in the next slot of a task that
// does not give way (N3).
func (s *Scheduler) freeNextSlots() (any bool) {
	if s.idle.sleeping() == 0 || s.pause.on.Load() {
		return false
	}
	for _, w := range s.workers() {
		seq, ok := w.next.look()
		if !ok || seq != w.lastNext {
			w.lastNext = seq
			continue
		}
		// It was there a tick ago too.
		s.wakeOne()
		any = true
	}
	return any
}

// strandedAfter is for how long work must have been waiting beside a sleeping worker
// to be counted: far beyond what waking a thread takes on a busy machine.
const strandedAfter = int64(2 * time.Second)

// watchStranded is the safety net under the sleep/wake protocol: it counts work
// that waits beside a sleeping worker while nobody searches. It repairs nothing.
func (s *Scheduler) watchStranded(now int64) {
	if !s.idle.needsWake() || s.pause.on.Load() || !s.visibleWork() {
		s.strandAt = 0
		return
	}
	if s.strandAt == 0 {
		s.strandAt = now
	} else if now-s.strandAt > strandedAfter {
		s.strandAt = now
		s.stranded.Add(1)
	}
}
