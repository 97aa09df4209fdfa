package scheduler

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	uatomic "go.uber.org/atomic"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/fiber"
	"github.com/heddle-go/heddle/internal/fiberpool"
	"github.com/heddle-go/heddle/internal/idle"
	"github.com/heddle-go/heddle/internal/inject"
	"github.com/heddle-go/heddle/internal/offload"
	"github.com/heddle-go/heddle/internal/preempt"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/taskpool"
	"github.com/heddle-go/heddle/internal/thread"
	"github.com/heddle-go/heddle/internal/timers"
	"github.com/heddle-go/heddle/task"
)

// Scheduler runs tasks on a fixed pool of workers. Its methods may be called from any
// goroutine and from tasks, unless they say otherwise. Make one with [New].
type Scheduler struct {
	cfg   config
	cpus  []int // those that workers are bound to; nil without CPUs pinning
	start time.Time
	mon   *preempt.Monitor
	// coarse is the time of the last tick of sysmon in milliseconds of now: what a task's wait is dated with,
	// since reading a clock at each park would cost as much as the park. Written by sysmon, and by workers that find it asleep.
	coarse atomicx.RelaxedUint32
	pool   workerPool
	pause  pauser
	waits  waits

	home      rt.Shared
	inj       inject.Queue
	over      overflows
	idle      idle.Set
	timers    timers.Queue
	taskPool  taskpool.Pool
	cohorts   rt.Cohorts // tasks under contexts
	fiberPool fiberpool.Pool[*loopFiber]
	block     offload.Pool

	// live counts tasks that were accepted and have not ended. Submissions from outside
	// count at once; workers keep what happens on them to themselves
	// until they flush, at the latest before they sleep. So it is exact when all workers
	// sleep, which is when it is asked: see quiesce.
	live     atomicx.Int64
	quantum  uatomic.Duration
	procs    atomic.Int32 // GOMAXPROCS
	handlers atomic.Int32 // that run
	wakes    atomic.Uint64
	stalls   atomic.Uint64
	strays   atomic.Uint64 // panics that the handler got and no worker has counted
	stranded atomic.Uint64
	relief   offload.Alert

	phase    atomicx.Int32
	quit     atomicx.Bool   // workers are to end
	done     sync.WaitGroup // workers
	quiet    chan struct{}  // closed when all tasks have ended and none can come
	closed   chan struct{}  // closed when nothing of the scheduler is left
	finish   sync.Once
	ringing  timers.Batch // sysmon's
	periodic periodics
	trims    trims // sysmon's
	strandAt int64 // sysmon's: since when work waits beside sleepers; 0: it does not
}

// The phases of a scheduler's life, in order. ARCHITECTURE.md, "Shutting down", says what
// each allows. The zero Scheduler is in none of them.
const (
	phaseOpen     = 1 + iota
	phaseDraining // no submissions from outside; tasks go on and may start others
	phaseClosed   // tasks are cancelled; none starts
)

// New makes a scheduler and starts its workers. Without options it has GOMAXPROCS workers, each locked
// to a thread, and a quantum of 10 ms. It returns an error that names the option, the value
// and the range if an option is wrong.
//
// A scheduler holds threads and goroutines until [Scheduler.Close] or [Scheduler.Shutdown].
func New(opts ...Option) (*Scheduler, error) {
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	s, err := newScheduler(cfg)
	if err != nil {
		return nil, err
	}
	s.grow(cfg.workers)
	s.mon.Start()
	return s, nil
}

// newScheduler makes a scheduler that has no workers yet, and whose monitor has not started.
func newScheduler(cfg config) (s *Scheduler, err error) {
	s = &Scheduler{
		cfg:    cfg,
		start:  time.Now(),
		quiet:  make(chan struct{}),
		closed: make(chan struct{}),
	}
	s.phase.Store(phaseOpen)
	if cfg.pinning == CPUs {
		if s.cpus, err = thread.AllowedCPUs(); err != nil {
			return nil, fmt.Errorf("scheduler: WithPinning(%v): %w", CPUs, err)
		}
	}
	s.home.Sched = (*gate)(s)
	s.home.Pinned = s.pinned()
	s.cohorts.Cancel = func(d *rt.Task, gen uint32, err, cause error) (queue bool) {
		return rt.HandleOf(d, gen).CancelFor(err, cause)
	}
	s.cohorts.Queue = s.injectAll
	s.inj.Init(&s.taskPool)
	s.taskPool.Init(&rt.Worker{Shared: &s.home})
	if cfg.queueLimit > 0 {
		s.inj.SetLimit(cfg.queueLimit, s.wakeBlocked)
	}
	vainMost := 6
	if !s.pinned() {
		vainMost = 10
	}
	s.block.Init(offload.Config{
		Limit:    int64(cfg.blocking),
		VainMost: vainMost,
		Home:     &s.home,
		Quiet:    s.quiet,
		Open:     func() bool { return s.phase.Load() == phaseOpen },
		Now:      s.now,
		SpareP:   s.spareP,
		Begun:    func() { s.live.Add(1) },
		Ended:    s.exit,
		Stray:    s.strayPanic,
		Relieve:  s.takeOne,
	})
	s.quantum.Store(cfg.quantum)
	s.procs.Store(int32(runtime.GOMAXPROCS(0)))
	if cfg.clock != nil {
		s.timers.InitClock(cfg.clock, s.inject)
	} else {
		s.timers.Init(s.now, func(when int64) { s.mon.KickBefore(when + s.timerGrace()) })
	}
	s.mon = preempt.NewMonitor(preempt.Config{
		Quantum: cfg.quantum,
		Stall:   cfg.stallAfter,
		Tick:    s.sysmonTick,
		Idle:    s.idle.Asleep,
		Now:     s.now,
	})
	s.pool.workers.Store(new([]*worker))
	return s, nil
}

const (
	zeroScheduler = "scheduler: the zero Scheduler has no workers: make one with New"
	nilScheduler  = "scheduler: a nil *Scheduler: make one with New, and look at the error that it returned"
)

// check panics if s was not made by New.
func (s *Scheduler) check() {
	if s == nil {
		panic(nilScheduler)
	}
	if s.closed == nil {
		panic(zeroScheduler)
	}
}

func (s *Scheduler) pinned() bool { return s.cfg.pinning != None }

// now is the scheduler's clock: monotonic nanoseconds since it was made, never 0.
func (s *Scheduler) now() int64 { return int64(time.Since(s.start)) + 1 }

// setCoarse sets about.
func (s *Scheduler) setCoarse(now int64) { s.coarse.Store(uint32(now / int64(time.Millisecond))) }

func (s *Scheduler) logger() *slog.Logger {
	if s.cfg.log != nil {
		return s.cfg.log
	}
	return slog.Default()
}

// Go submits fn and returns the task's handle. It does not wait for the task. It may be called
// from any goroutine; inside a task prefer [task.Ctx.Go], which queues on the task's own
// worker.
//
// After Shutdown or Close, fn does not run and the handle's Err is [task.ErrClosed]. [WithQueueLimit] says what happens
// when there is a limit and the queue is full.
func (s *Scheduler) Go(fn func(c *task.Ctx), opts ...task.Option) task.Task {
	if s == nil {
		panic(nilScheduler) // enter panics for the zero Scheduler
	}
	if fn == nil {
		panic("scheduler: Go with a nil function")
	}
	var none context.Context
	return s.submit(fn, extraOf(none, opts))
}

// GoContext is Go with the option [task.Parent]: the task is cancelled, with the context's cause, when ctx ends, and its
// Ctx has ctx's deadline, values and profiler labels. If ctx has ended already, fn does not run.
func (s *Scheduler) GoContext(ctx context.Context, fn func(c *task.Ctx), opts ...task.Option) task.Task {
	s.check()
	if ctx == nil {
		panic("scheduler: GoContext with a nil context: use Go, or context.Background()")
	}
	if fn == nil {
		panic("scheduler: GoContext with a nil function")
	}
	return s.submit(fn, extraOf(ctx, opts))
}

func (s *Scheduler) submit(fn any, x *rt.Extra) task.Task {
	var by context.Context // none
	d, gen, err := s.request(by, fn, x)
	if err != nil {
		return refused(err)
	}
	return handleOf(d, gen)
}

// inject queues d, which the caller has just made runnable: on the worker that the caller runs on, if that can be told.
func (s *Scheduler) inject(d *rt.Task) {
	if w := currentWorker(); w != nil && w.s == s {
		w.Local(d)
		return
	}
	s.inj.Push(d) // (P1)
	s.wakeOne()   // (P2, P3)
}

// injectAll is inject for tasks that a goroutine has made runnable, under one lock. One wake-up (P2, P3) is enough, because it
// comes after P1 of all of them: a searcher that takes one of them wakes the next worker if there are more.
func (s *Scheduler) injectAll(ds []*rt.Task) {
	s.inj.PushAll(ds) // (P1)
	s.wakeOne()       // (P2, P3)
}

// handles reports whether the caller is a handler of this scheduler, for which a worker, sysmon or a blocker waits. While there
// is none the answer is cheap; walking the stack takes microseconds when the tables it needs are not in the caches.
func (s *Scheduler) handles() bool { return s.handlers.Load() != 0 && caller() == inHandler }

// inHandler calls a user's handler on a goroutine of its own, where it may panic, which ends
// the process, and call Goexit, which would end a fiber.
func (s *Scheduler) inHandler(f func()) {
	s.handlers.Add(1)
	defer s.handlers.Add(-1)
	done := make(chan struct{})
	go handle(f, done)
	<-done
}

//go:noinline
func handle(f func(), done chan struct{}) {
	defer close(done)
	f()
}

// A place is what code runs as.
type place int

const (
	elsewhere place = iota
	inTask          // or on a worker between two tasks
	inHandler
	inCall // the function of a blocking call
)

// entryPoints are the functions through which the stack of each handler, and of each function that a blocker calls, passes.
var entryPoints = [...]struct {
	code
	place
}{{codeOf(handle), inHandler}, {codeOf(offload.RunJob), inCall}}

// A code is where a function's instructions lie.
type code struct{ from, to uintptr }

func codeOf(f any) (c code) {
	c.from = runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Entry()
	for c.to = c.from; ; c.to++ {
		if f := runtime.FuncForPC(c.to); f == nil || f.Entry() != c.from {
			return c
		}
	}
}

// onTask reports whether some scheduler cannot end before the caller goes on, as far as its stack tells: it runs on a task, in a
// handler, or in the function of a blocking call.
func onTask() bool { return caller() != elsewhere }

// caller returns what the caller runs as: by its fiber, or if it is on none, by the last of entryPoints that its stack passes
// through. That takes a fraction of a microsecond on a stack of usual depth.
func caller() place {
	if fiber.Current() != nil {
		if currentWorker() == nil {
			return inCall // on the spot
		}
		return inTask
	}
	var pcs [32]uintptr
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		for _, pc := range pcs[:n] {
			for _, c := range entryPoints {
				if c.from < pc && pc <= c.to {
					return c.place
				}
			}
		}
		if n < len(pcs) {
			return elsewhere
		}
	}
}
