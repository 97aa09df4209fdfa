package engine

import (
	"sync/atomic"

	"golang.org/x/sys/cpu"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/idle"
	"github.com/heddle-go/heddle/internal/offload"
)

// A crew is the workers of a scheduler: which there are, which of them sleep, whether they pause,
// and how they are woken.
type crew struct {
	// Workers read these all the time.
	pool       workerPool
	pause      pauser
	procs      atomic.Int32 // GOMAXPROCS. Written by sysmon
	clock      *clock
	giveRelief func() // makes a blocker a relief

	_    cpu.CacheLinePad
	idle idle.Set
	_    cpu.CacheLinePad

	wakes atomicx.Uint64
	alert offload.Alert
	_     cpu.CacheLinePad
}

// wakeOne wakes a sleeping worker if no worker searches (Sleep-P2, Sleep-P3). If none searches and
// none sleeps, but some worker is inside a blocking call, wakeOne raises the alert, so that a
// relief takes that worker over (spot.go).
func (c *crew) wakeOne() {
	if c.idle.NeedsWake() {
		c.wakeOneSlow()
	}
}

func (c *crew) wakeOneSlow() {
	if c.pause.on.Load() {
		return // Resume wakes all workers
	}
	if id, ok := c.idle.Claim(); ok {
		c.wake(id)
	} else if c.idle.Inside() > 0 {
		c.relieve()
	}
}

// wake wakes worker id, which the caller has claimed.
func (c *crew) wake(id int) {
	c.wakes.Add(1)
	w := c.workers()[id]
	if w.gauge != nil {
		w.wokenAt.Store(c.clock.now())
	}
	w.parker.Unpark()
}

// spareP reports whether there are more Ps than workers that are awake.
func (c *crew) spareP() bool {
	return int(c.procs.Load()) > c.Workers()-c.idle.Sleeping()
}

// relieve raises the alert, unless the last reliefs came in vain (Skips).
func (c *crew) relieve() {
	if r := &c.alert; !r.Raised() && !r.Skips() {
		c.relieveAll()
	}
}

// relieveAll raises the alert if a worker is inside a call, and reports whether it has done so.
func (c *crew) relieveAll() (raised bool) {
	if c.idle.Inside() == 0 || !c.alert.Raise() {
		return false
	}
	c.giveRelief()
	return true
}

// The scheduler is crowded while at least as many workers are awake as there are Ps. Then waking
// another worker for a forked call gains nothing: the woken worker takes the P of a worker that is
// in the middle of a call tree, steals a small part of that tree, and sleeps again. So while the
// scheduler is crowded, a forked call wakes no worker, and a worker that goes to sleep does not ask
// the others to expose their calls. BenchmarkOversubscribed shows the effect: without this rule,
// fib with 64 workers on two Ps took 20 times as long as with two workers.
//
// A task that is put into a queue wakes a worker in any case, because another task may wait for an
// event that only the queued task brings about, and because a worker that is awake may be blocked
// in a system call. A forked call may be stuck behind such a worker, too, so sysmon looks at each
// tick (Crowd-K1). The steps for forked calls:
//
//	worker that falls asleep             worker that exposes        sysmon, at each tick
//	Sleep-W2  announce it                Sleep-P1  expose the       Crowd-K1  if a worker sleeps,
//	Crowd-K0  if that leaves a P                   calls                      none searches, and
//	          without a worker, ask      Sleep-P2, Sleep-P3                   the scheduler is
//	          all to expose                        unless crowded             crowded: wake one
//	Sleep-W3  look at the queues; at                                          if any calls are
//	          forked calls unless                                             exposed, or else ask
//	          crowded                                                         all to expose
//
// While the scheduler is not crowded, these are the steps of the sleep protocol of package idle.
// The scheduler becomes crowded only when a worker wakes, and stops being crowded at Sleep-W2 (or
// when GOMAXPROCS or the number of workers changes). If Sleep-W2 stops it, Crowd-K0 and Sleep-W3
// follow: the worker asks for private calls and finds the exposed ones. While the scheduler stays
// crowded, Crowd-K1 wakes one worker a tick, so exposed calls wait for at most two ticks, even if
// all workers that are awake are blocked.

// crowded reports whether at least as many workers are awake as there are Ps. The parameter less is
// the number of awake workers that do not count: 1 if the caller leaves itself out.
func (c *crew) crowded(less int) bool {
	return c.idle.Awake()-less >= int(c.procs.Load())
}

// askAll asks all workers but except, which may be nil, to expose forked calls. A worker that forks
// from then on exposes the call and wakes a worker. A worker that find let sleep without a search
// relies on that.
func (c *crew) askAll(except *worker) {
	for _, v := range c.workers() {
		if v != except {
			v.Forks.Thief().Ask()
		}
	}
}

// exposed reports whether any worker has forked calls that thieves can take.
func (c *crew) exposed() bool {
	for _, w := range c.workers() {
		if !w.Forks.Thief().Empty() {
			return true
		}
	}
	return false
}

// wakeAll wakes all workers that sleep.
func (c *crew) wakeAll() {
	for _, id := range c.idle.ClaimAll() {
		c.wake(id)
	}
}
