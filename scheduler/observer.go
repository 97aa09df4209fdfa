package scheduler

import (
	"fmt"
	"runtime/debug"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// An Observer is told of what happens to the tasks of a scheduler: see [WithObserver].
// Implementations should embed [NoObserver], so that they still compile when a method is added.
//
// For one task the calls come in this order, and none of them overlap: Ready; Start; any number of
// Park and then Ready; End. A task that is cancelled before it starts has no Start. A Park may be
// followed at once by the Ready that ends it.
type Observer interface {
	// Ready is called when t has become runnable: it was submitted, its time has come, or what it
	// waited for has happened. It is called before the task is queued, by the party that made it
	// runnable: a worker, also in the middle of another task, or a goroutine.
	Ready(t task.Task)
	// Start is called when t is about to run for the first time, on the worker with that index.
	Start(t task.Task, worker int)
	// Park is called when t waits, and waitsFor says for what, in the words of Dump: "chan
	// receive", "mutex", "sleep". It is called on the worker that t ran on. It is not called for a
	// function of [task.Ctx.Blocking] that the task calls itself.
	Park(t task.Task, waitsFor string)
	// End is called when t has ended, with [task.Task.Err], and before the tasks and goroutines
	// that wait for t are woken. It is called on the worker that t ended on. If t ends without
	// having been in a worker's hands, a submitter calls it: the one whose submission found no
	// room, or whose submission took the place of t.
	End(t task.Task, err error)
	// Stall is called for each stall, before the stall handler, on a goroutine of its own.
	Stall(st Stall)
	// Refuse is called when a submission is not accepted, on the goroutine or task that submits.
	// err is [task.ErrClosed], [task.ErrQueueFull], or the cause of the submitter's context.
	Refuse(err error)
}

// NoObserver is an [Observer] whose methods do nothing.
type NoObserver struct{}

// Ready does nothing.
func (NoObserver) Ready(task.Task) {}

// Start does nothing.
func (NoObserver) Start(task.Task, int) {}

// Park does nothing.
func (NoObserver) Park(task.Task, string) {}

// End does nothing.
func (NoObserver) End(task.Task, error) {}

// Stall does nothing.
func (NoObserver) Stall(Stall) {}

// Refuse does nothing.
func (NoObserver) Refuse(error) {}

var _ Observer = NoObserver{}

// WithObserver sets an [Observer]. Its methods are called by several workers and goroutines at the
// same time. They must be quick, because a worker or a submitter waits for them, and must neither
// wait for tasks, nor submit any, nor call methods of a [task.Ctx]; reading handles is fine. A
// panic in one ends the process. Having no Observer costs nothing. BenchmarkLooking in the folder
// benchmarks shows what an Observer costs whose methods do nothing.
func WithObserver(o Observer) Option {
	return optionFunc(func(c *config) error {
		if o == nil {
			return fmt.Errorf("scheduler: WithObserver(nil): want an Observer; leave the option out for none")
		}
		c.observer = o
		return nil
	})
}

// observe calls f with the Observer. The caller has checked that there is one. If f panics, observe
// ends the process, because the panic must not unwind a worker in the middle of a step.
func (s *Scheduler) observe(f func(o Observer)) {
	returned := false
	defer func() {
		if !returned {
			v := recover()
			crash(task.Task{}, &task.PanicError{Value: v, Stack: debug.Stack()}, mendTheObserver)
		}
	}()
	f(s.look.observer)
	returned = true
}

// observePark tells the Observer that d parks. commit calls it when d has left its stack, before d
// becomes Waiting.
func (w *worker) observePark(d *rt.Task) {
	reason := rt.Status(w.prevPark).WaitReason().String()
	w.s.observe(func(o Observer) { o.Park(handleOf(d, w.prevGen), reason) })
}

// observeEnd tells the Observer, if there is one, that life gen of d has ended.
func (s *Scheduler) observeEnd(d *rt.Task, gen uint32) {
	if s.look != nil && s.look.observer != nil {
		t := handleOf(d, gen)
		s.observe(func(o Observer) { o.End(t, t.Err()) })
	}
}

// observeRefusal tells the Observer, if there is one, that a submission was not accepted.
func (s *Scheduler) observeRefusal(err error) {
	if s.look != nil && s.look.observer != nil {
		s.observe(func(o Observer) { o.Refuse(err) })
	}
}

// refuse counts a submission that came after Shutdown or Close, and tells the Observer.
func (s *Scheduler) refuse(err error) {
	s.over.closed.Add(1)
	s.observeRefusal(err)
}
