package scheduler

import (
	"slices"
	"sync"
	"time"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Blockers are the goroutines that run the functions of task.Ctx.Blocking. They count as workers in
// Scheduler.done, so that end waits for them, and each call counts as live until its function has returned, whether or not
// its task has waited for that. So when quiet is closed no call is left and none can come, and that is
// what ends idle blockers; Shutdown and Close need not know of them.

// A blocker is one of the goroutines, while it is idle.
type blocker struct {
	jobs chan rt.Job // of capacity 1; closed when it is to end
}

type blockers struct {
	mu    sync.Mutex
	idle  []*blocker // the latest last
	n     int        // how many there are
	queue []rt.Job   // that wait for one, the first at head; empty while some are idle
	head  int
	low   int         // the least number of idle ones since the last trim
	timer *time.Timer // calls trimBlockers while armed
	armed bool
}

// blockersKeep is how long blockers must have been superfluous before the first half of them ends. It
// is far longer than the pauses of a program that is in the middle of something, and starting one takes a microsecond.
const blockersKeep = time.Second

// Block implements rt.Scheduler.
func (s *Scheduler) Block(j rt.Job) {
	s.live.Add(1)
	p := &s.block
	p.mu.Lock()
	if k := len(p.idle) - 1; k >= 0 {
		b := p.idle[k]
		p.idle[k] = nil
		p.idle = p.idle[:k]
		p.low = min(p.low, k)
		p.mu.Unlock()
		s.home.Owed.Add(1)
		b.jobs <- j
		return
	}
	if p.n < s.cfg.blocking {
		p.n++
		p.mu.Unlock()
		// The caller is a task, so the count of workers is not 0.
		s.done.Add(1)
		s.home.Owed.Add(1)
		go s.runBlocker(&blocker{jobs: make(chan rt.Job, 1)}, j, true)
		return
	}
	p.queue = append(p.queue, j)
	p.mu.Unlock()
}

// runBlocker is a blocker's goroutine. It begins with job j, for which it is owed a P if owed, or with what there
// is if that is nil.
func (s *Scheduler) runBlocker(b *blocker, j rt.Job, owed bool) {
	exited := true
	defer func() {
		if exited { // by a job's Goexit; somebody has to go on
			s.endJob()
			go s.runBlocker(b, nil, false)
			return
		}
		s.done.Done()
	}()
	for {
		if owed {
			s.home.Owed.Add(-1)
		}
		if j != nil {
			if stray := j.Run(); stray != nil {
				s.strayPanic(j, stray)
			}
			s.endJob()
		}
		if j = s.nextJob(b); j != nil {
			owed = false
			continue
		}
		var ok bool
		select {
		case j, ok = <-b.jobs:
		case <-s.quiet:
			s.block.disarm()
		}
		if !ok {
			exited = false
			return
		}
		owed = true
	}
}

// endJob counts the end of a job.
func (s *Scheduler) endJob() {
	s.live.Add(-1)
	s.quiesce()
}

// nextJob returns a job that waits, or makes b idle and returns nil.
func (s *Scheduler) nextJob(b *blocker) rt.Job {
	p := &s.block
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.head < len(p.queue) {
		j := p.queue[p.head]
		p.queue[p.head] = nil
		p.head++
		if p.head == len(p.queue) {
			p.queue, p.head = p.queue[:0], 0
		} else if p.head >= 64 && 2*p.head >= len(p.queue) {
			p.queue = slices.Delete(p.queue, 0, p.head)
			p.head = 0
		}
		return j
	}
	p.idle = append(p.idle, b)
	if !p.armed && s.phase.Load() == phaseOpen {
		p.armed = true
		p.low = len(p.idle)
		if p.timer == nil {
			p.timer = time.AfterFunc(blockersKeep, p.trim)
		} else {
			p.timer.Reset(blockersKeep)
		}
	}
	return nil
}

// trim ends half of the blockers that were not used since it was called last.
func (p *blockers) trim() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.armed {
		return
	}
	k := (min(p.low, len(p.idle)) + 1) / 2
	for _, b := range p.idle[:k] {
		close(b.jobs)
	}
	p.idle = slices.Delete(p.idle, 0, k)
	p.n -= k
	p.low = len(p.idle)
	if p.armed = p.n > 0; p.armed {
		p.timer.Reset(blockersKeep)
	}
}

// disarm stops trim for good; there are no jobs any more.
func (p *blockers) disarm() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.armed {
		p.armed = false
		p.timer.Stop()
	}
}

// strayPanic handles the panic of a function whose task has not waited for it, as one of the task.
func (s *Scheduler) strayPanic(j rt.Job, stray error) {
	t := j.(interface{ Handle() task.Task }).Handle()
	e := stray.(*task.PanicError)
	if s.cfg.onPanic == nil {
		crash(t, e)
	}
	inHandler(func() { s.cfg.onPanic(t, e) })
}
