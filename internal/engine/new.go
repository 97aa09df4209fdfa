package engine

import (
	"runtime"
	"time"

	"github.com/heddle-go/heddle/internal/offload"
	"github.com/heddle-go/heddle/internal/preempt"
	"github.com/heddle-go/heddle/internal/rt"
)

// New makes a scheduler and starts its workers. cfg must be right.
func New(cfg Config) *Scheduler {
	s := newScheduler(cfg)
	s.grow(cfg.Workers)
	s.mon.Start()
	return s
}

// newScheduler makes a scheduler that has no workers yet, and whose monitor has not started.
func newScheduler(cfg Config) *Scheduler {
	s := &Scheduler{
		cfg:   cfg,
		looks: cfg.Looks,
	}
	s.start = time.Now()
	s.crew.clock, s.giveRelief = &s.clock, s.offload.GiveRelief
	s.sysmon.s = s
	s.life.init(&s.crew.idle)
	s.intake.crew, s.intake.clock, s.intake.shared = &s.crew, &s.clock, &s.shared
	s.measuring = newMeasuring(&cfg)
	if s.measuring != nil && s.measuring.mode != 0 {
		s.sysmon.timerBatch.Late = &s.sysmon.late
	}
	if s.looks&rt.LookWaits != 0 {
		rt.Watch(1)
	}
	s.shared.Sched = (*rtScheduler)(s)
	s.shared.Pinned = s.cfg.pinned()
	s.shared.PanicsEnd = cfg.OnPanic == nil
	s.cohorts.Cancel = func(d *rt.Task, gen uint32, err, cause error) (queue bool, late *rt.Late) {
		return rt.HandleOf(d, gen).CancelFor(err, cause)
	}
	s.cohorts.Queue = s.injectAll
	s.inj.Init(&s.taskPool)
	placeholder := &rt.Worker{Shared: &s.shared}
	s.taskPool.Init(placeholder)
	if cfg.QueueLimit > 0 {
		s.inj.SetLimit(cfg.QueueLimit, s.wakeBlocked)
	}
	vainMost := 6
	if !s.cfg.pinned() {
		vainMost = 10
	}
	s.offload.Init(offload.Config{
		Limit:    int64(cfg.Blocking),
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
		Placeholder: placeholder,
		Relieve:     relief{s}.takeOne,
	})
	s.quantum.Store(cfg.Quantum)
	s.procs.Store(int32(runtime.GOMAXPROCS(0)))
	if cfg.Clock != nil {
		s.timers.InitClock(cfg.Clock, s.injectDue, s.sysmon.timerBatch.Late)
	} else {
		s.timers.Init(s.now, s.sysmon.kickFor, s.timersHere)
	}
	s.mon = preempt.NewMonitor(preempt.Config{
		Quantum: cfg.Quantum,
		Stall:   cfg.StallAfter,
		Tick:    s.sysmon.tick,
		Idle:    s.idle.Asleep,
		Now:     s.now,
	})
	s.pool.workers.Store(new([]*worker))
	return s
}
