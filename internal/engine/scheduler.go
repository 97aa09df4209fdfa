package engine

import (
	"context"
	"sync/atomic"

	uatomic "go.uber.org/atomic"
	"golang.org/x/sys/cpu"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/fiberpool"
	"github.com/heddle-go/heddle/internal/look"
	"github.com/heddle-go/heddle/internal/offload"
	"github.com/heddle-go/heddle/internal/preempt"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/taskpool"
	"github.com/heddle-go/heddle/internal/timers"
	"github.com/heddle-go/heddle/task"
)

// A Scheduler is the engine of a scheduler.Scheduler. The methods of scheduler.Scheduler call its
// methods, and document them. A Scheduler is made of parts with methods of their own, which see
// only their part. Some are embedded, because most of the engine uses them.
type Scheduler struct {
	crew // first, so that its methods need no address to be computed

	// These do not change after New.
	cfg   Config
	looks rt.Looks
	mon   *preempt.Monitor
	dir   *directing // nil unless the scheduler is directed

	// Each of these has its own lock or needs none: see its type. Workers read words of shared all
	// the time, so it shares no cache line with what is written often.
	shared rt.Shared
	intake
	timers    timers.Set
	periodic  periodics
	taskPool  taskpool.Pool
	fiberPool fiberpool.Pool[*loopFiber]
	offload   offload.Pool

	waitProfile look.WaitProfile

	// Workers read these all the time, and they seldom change, so they have lines to themselves.
	_       cpu.CacheLinePad
	_       [0]atomic.Int64 // aligns quantum to 8 bytes on 32-bit machines, which its type does not
	quantum uatomic.Duration
	many    atomicx.Bool // manyTimers or more were pending at sysmon's last tick. Written by sysmon
	clock
	life // pads what is written often

	// Counters, added to by any goroutine.
	handlers  handlers
	stalls    atomicx.Uint64
	strays    atomicx.Uint64 // panics that strayPanic has handled; workers count the others
	stranded  atomicx.Uint64 // see watchStranded
	overflows overflows

	sysmon sysmon
}

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
