package engine

import (
	"context"
	"sync"
	"sync/atomic"

	uatomic "go.uber.org/atomic"
	"golang.org/x/sys/cpu"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/fiberpool"
	"github.com/heddle-go/heddle/internal/inject"
	"github.com/heddle-go/heddle/internal/look"
	"github.com/heddle-go/heddle/internal/offload"
	"github.com/heddle-go/heddle/internal/preempt"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/taskpool"
	"github.com/heddle-go/heddle/internal/timers"
	"github.com/heddle-go/heddle/task"
)

// A Scheduler is the engine of a scheduler.Scheduler. Package scheduler documents its methods, and
// those of its own type call them.
type Scheduler struct {
	// These do not change after New.
	cfg       Config
	looks     rt.Looks
	mon       *preempt.Monitor
	measuring *measuring    // nil without scheduler.WithLatencies and scheduler.WithObserver
	quiet     chan struct{} // closed when all tasks have ended and no further task can come
	closed    chan struct{} // closed when nothing of the scheduler is left
	dir       *directing    // nil unless the scheduler is directed

	// Each of these has its own lock or needs none: see its type. Workers read words of crew and
	// shared all the time, so these have lines apart from what is written often.
	crew
	waits     waits
	shared    rt.Shared
	_         cpu.CacheLinePad
	inj       inject.Queue
	_         cpu.CacheLinePad
	timers    timers.Set
	periodic  periodics
	taskPool  taskpool.Pool
	cohorts   rt.Cohorts // tasks under contexts
	fiberPool fiberpool.Pool[*loopFiber]
	block     offload.Pool

	waitProfile look.WaitProfile

	// Workers read these all the time, and they seldom change, so they have lines to themselves.
	_       cpu.CacheLinePad
	phase   atomicx.Int32   // written by Shutdown, Close and end
	_       [0]atomic.Int64 // aligns quantum to 64 bits on machines of 32, which its type does not
	quantum uatomic.Duration
	many    atomicx.Bool // manyTimers or more were pending at sysmon's last tick. Written by it
	clock
	_ cpu.CacheLinePad

	// live counts the tasks that were accepted and have not ended. A submission from outside is
	// added at once. Each worker counts the tasks that start and end on it, and adds the difference
	// to live before it sleeps or leaves (flush). So live is exact while all workers sleep, and
	// quiesce relies on it only then. At other times live may have any value.
	live atomicx.Int64

	// Counters, added to by any goroutine.
	handlers handlers
	stalls   atomicx.Uint64
	strays   atomicx.Uint64 // panics that strayPanic has handled; workers count the others
	stranded atomicx.Uint64 // see watchStranded
	over     overflows

	done   sync.WaitGroup // the workers' goroutines
	finish sync.Once      // the body of end runs once
	sysmon sysmon
}

// The phases of a scheduler's life, in order. ARCHITECTURE.md, "Shutting down", says what
// each allows. The zero Scheduler is in none of them.
const (
	phaseOpen     = 1 + iota
	phaseDraining // no submissions from outside; tasks go on and may start others
	phaseClosed   // tasks are cancelled; none starts
)

// overflows counts the submissions that found no room, and those that came after Shutdown or Close.
type overflows struct {
	rejected, dropped, delayed, abandoned, closed atomic.Uint64 // see Stats
}

// handleOf returns the handle of the task that d serves in life gen.
func handleOf(d *rt.Task, gen uint32) task.Task { return task.Task(rt.HandleOf(d, gen)) }

// refused returns the handle of a task that was not accepted, for the reason err.
func refused(err error) task.Task { return task.Task(rt.Tasks.Refused(err)) }

// extraOf returns the extension that the options of a submission ask for, or nil. A parent that is
// not nil counts as the option task.Parent.
func extraOf(parent context.Context, opts []task.Option) *rt.Extra {
	if parent == nil && len(opts) == 0 {
		return nil
	}
	return rt.Tasks.Extra(parent, opts)
}
