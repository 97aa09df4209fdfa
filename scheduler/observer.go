package scheduler

import (
	"github.com/heddle-go/heddle/internal/engine"
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

// observer is an Observer as the engine sees it.
type observer struct{ Observer }

// Stall implements engine.Observer.
func (o observer) Stall(st *engine.Stall) { o.Observer.Stall(stallOf(st)) }
