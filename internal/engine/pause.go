package engine

import (
	"context"
	"errors"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/task"
)

// A pauser keeps workers from running tasks. While on is set, workers go to sleep even if tasks are
// queued, and producers wake no worker. Resume wakes all workers. No wake-up is lost at either end:
//
//	Resume                                Pause
//	Pause-U1  clear on                    Pause-B1  set on
//	Pause-U2  claim all; wake them        Pause-B2  look whether all sleep
//
//	worker                                producer
//	Sleep-W2  announce                    Sleep-P1  queue
//	Sleep-W3  load on; if it is clear,    Sleep-P2, Sleep-P3  only if on is clear
//	          look for work
//	Sleep-W4  only if that found none
//
// If a worker loads on at Sleep-W3 before Pause-U1, its Sleep-W2 comes before Pause-U2, and
// Pause-U2 claims it. If a producer sees on set, its Sleep-P1 comes before Pause-U1, so the workers
// that Pause-U2 wakes see its task. The last worker to fall asleep either loads on after Pause-B1,
// and then looks whether all workers sleep (checkPaused), or has announced itself before Pause-B2.
// If the last worker that is awake leaves the pool instead of falling asleep, it looks, too
// (depart).
type pauser struct {
	on        atomicx.Bool // written under mu
	mu        atomicx.Mutex
	allAsleep *task.Completion[struct{}] // complete when all workers sleep in this pause; under mu
}

var (
	errPauseOnTask   = errors.New("scheduler: Pause called from inside a task of this scheduler would wait for that task: call it from elsewhere")
	errPauseDirected = errors.New("scheduler: Pause of a scheduler of schedtest, which decides itself when a task runs: leave it out")
	errResumed       = errors.New("scheduler: Pause: resumed before all tasks had stopped")
)

// Pause does what scheduler.Scheduler.Pause says.
func (s *Scheduler) Pause(ctx context.Context) error {
	if err := s.enterOutside(ctx, errPauseOnTask); err != nil {
		return err
	}
	if s.dir != nil {
		return errPauseDirected
	}
	asleep, began, err := s.beginPause(&s.life)
	if err != nil {
		return err
	}
	if _, err := asleep.WaitContext(ctx); err != nil {
		if began {
			s.resume(asleep, errResumed)
		}
		return err
	}
	return nil
}

// beginPause begins a pause, or joins the present one. It returns a completion that is complete
// when all workers sleep.
func (c *crew) beginPause(l *life) (asleep *task.Completion[struct{}], began bool, err error) {
	p := &c.pause
	p.mu.Lock()
	if l.phase.Load() != phaseOpen {
		p.mu.Unlock()
		return nil, false, task.ErrClosed
	}
	began = !p.on.Load()
	if began {
		p.allAsleep = new(task.Completion[struct{}])
		p.on.Store(true) // (Pause-B1)
	}
	asleep = p.allAsleep
	p.mu.Unlock()
	c.checkPaused() // (Pause-B2)
	return asleep, began, nil
}

// Resume does what scheduler.Scheduler.Resume says.
func (s *Scheduler) Resume() {
	s.endPause(errResumed)
}

// endPause ends the present pause. Calls of Pause that still wait for it return err.
func (c *crew) endPause(err error) {
	p := &c.pause
	p.mu.Lock()
	asleep := p.allAsleep
	p.mu.Unlock()
	c.resume(asleep, err)
}

// resume ends the present pause, unless asleep belongs to an earlier one.
func (c *crew) resume(asleep *task.Completion[struct{}], err error) {
	p := &c.pause
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.on.Load() || p.allAsleep != asleep {
		return
	}
	p.on.Store(false) // (Pause-U1)
	asleep.Complete(struct{}{}, err)
	c.wakeAll() // (Pause-U2)
}

// checkPaused ends the wait of Pause if all workers sleep.
func (c *crew) checkPaused() {
	p := &c.pause
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.on.Load() {
		return
	}
	all := false
	c.idle.IfAllAsleep(func() { all = true })
	if all {
		p.allAsleep.Complete(struct{}{}, nil)
	}
}
