package scheduler

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	uatomic "go.uber.org/atomic"
	"golang.org/x/sys/cpu"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/fiberpool"
	"github.com/heddle-go/heddle/internal/idle"
	"github.com/heddle-go/heddle/internal/inject"
	"github.com/heddle-go/heddle/internal/offload"
	"github.com/heddle-go/heddle/internal/preempt"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/taskpool"
	"github.com/heddle-go/heddle/internal/thread"
	"github.com/heddle-go/heddle/internal/timers"
)

// Scheduler runs tasks on a fixed pool of workers. Its methods may be called from any
// goroutine and from tasks, unless they say otherwise. Make one with [New].
type Scheduler struct {
	// These do not change after New.
	cfg    config
	looks  rt.Looks
	cpus   []int // workers are bound to these; nil without CPUs pinning
	start  time.Time
	mon    *preempt.Monitor
	look   *look         // nil without WithLatencies and WithObserver
	quiet  chan struct{} // closed when all tasks have ended and no further task can come
	closed chan struct{} // closed when nothing of the scheduler is left
	dir    *directing    // nil unless the scheduler is directed

	// Each of these has its own lock or needs none: see its type. Workers read words of pool,
	// pause, shared and idle all the time, so these groups have lines apart from what is written
	// often.
	pool      workerPool
	pause     pauser
	waits     waits
	shared    rt.Shared
	_         cpu.CacheLinePad
	inj       inject.Queue
	idle      idle.Set
	_         cpu.CacheLinePad
	timers    timers.Set
	periodic  periodics
	taskPool  taskpool.Pool
	cohorts   rt.Cohorts // tasks under contexts
	fiberPool fiberpool.Pool[*loopFiber]
	block     offload.Pool
	relief    offload.Alert

	waitProfile waitProfile

	// Workers read these all the time, and they seldom change, so they have lines to themselves.
	_       cpu.CacheLinePad
	phase   atomicx.Int32   // written by Shutdown, Close and end
	quit    atomicx.Bool    // the workers have to end. Written under pool.mu
	_       [0]atomic.Int64 // aligns quantum to 64 bits on machines of 32, which its type does not
	quantum uatomic.Duration
	procs   atomic.Int32 // GOMAXPROCS. Written by sysmon
	many    atomicx.Bool // there were manyTimers at sysmon's last tick. Written by sysmon
	// coarse is the time of sysmon's last tick, in milliseconds of now. A task's wait is dated with
	// it, because reading a clock at each park would cost as much as the park. sysmon writes it. A
	// worker that wakes, or a call of Resize, writes it, too, if it finds sysmon asleep.
	coarse atomicx.RelaxedUint32
	_      cpu.CacheLinePad

	// live counts the tasks that were accepted and have not ended. A submission from outside is
	// added at once. Each worker counts the tasks that start and end on it, and adds the difference
	// to live before it sleeps or leaves (flush). So live is exact while all workers sleep, and
	// quiesce relies on it only then. At other times live may have any value.
	live atomicx.Int64

	// Counters, added to by any goroutine.
	handlers atomicx.Int32 // users' handlers that run now
	wakes    atomicx.Uint64
	stalls   atomicx.Uint64
	strays   atomicx.Uint64 // panics that strayPanic passed to the handler; workers count the others
	stranded atomicx.Uint64 // see watchStranded
	over     overflows

	done   sync.WaitGroup // the workers' goroutines
	finish sync.Once      // the body of end runs once
	sysmon sysmonState
}

// The phases of a scheduler's life, in order. ARCHITECTURE.md, "Shutting down", says what
// each allows. The zero Scheduler is in none of them.
const (
	phaseOpen     = 1 + iota
	phaseDraining // no submissions from outside; tasks go on and may start others
	phaseClosed   // tasks are cancelled; none starts
)

// New makes a scheduler and starts its workers. Without options it has GOMAXPROCS workers, each
// locked to a thread, and a quantum of 10 ms. It returns an error that names the option, the value
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
		looks:  cfg.looks,
		start:  time.Now(),
		quiet:  make(chan struct{}),
		closed: make(chan struct{}),
	}
	s.phase.Store(phaseOpen)
	s.look = newLook(&cfg)
	if s.look != nil && s.look.mode != 0 {
		s.sysmon.timerBatch.Late = &s.sysmon.late
	}
	if cfg.pinning == CPUs {
		if s.cpus, err = thread.AllowedCPUs(); err != nil {
			return nil, fmt.Errorf("scheduler: WithPinning(%v): %w", CPUs, err)
		}
	}
	if s.looks&rt.LookWaits != 0 {
		rt.Watch(1)
	}
	s.shared.Sched = (*rtScheduler)(s)
	s.shared.Pinned = s.pinned()
	s.cohorts.Cancel = func(d *rt.Task, gen uint32, err, cause error) (queue bool, late *rt.Late) {
		return rt.HandleOf(d, gen).CancelFor(err, cause)
	}
	s.cohorts.Queue = s.injectAll
	s.inj.Init(&s.taskPool)
	nobody := &rt.Worker{Shared: &s.shared}
	s.taskPool.Init(nobody)
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
		Shared:   &s.shared,
		Quiet:    s.quiet,
		Open:     func() bool { return s.phase.Load() == phaseOpen },
		Now:      s.now,
		SpareP:   s.spareP,
		OnBegin:  func() { s.live.Add(1) },
		OnEnd:    s.exit,
		Stray:    s.strayPanic,
		TaskOf: func(j rt.Job) *rt.Task {
			h := rt.Handle(taskOf(j))
			return h.Task()
		},
		Nobody:  nobody,
		Relieve: s.takeOne,
	})
	s.quantum.Store(cfg.quantum)
	s.procs.Store(int32(runtime.GOMAXPROCS(0)))
	if cfg.clock != nil {
		s.timers.InitClock(cfg.clock, s.injectDue, s.sysmon.timerBatch.Late)
	} else {
		s.timers.Init(s.now, s.kickFor, s.timersHere)
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

// setCoarse sets coarse to the time now.
func (s *Scheduler) setCoarse(now int64) { s.coarse.Store(uint32(now / int64(time.Millisecond))) }

// warn writes a warning to the logger.
func (s *Scheduler) warn(msg string, attrs ...slog.Attr) {
	l := s.cfg.log
	if l == nil {
		l = slog.Default()
	}
	l.LogAttrs(context.Background(), slog.LevelWarn, msg, attrs...)
}
