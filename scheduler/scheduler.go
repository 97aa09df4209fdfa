package scheduler

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heddle-go/heddle/deque"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/preempt"
	"github.com/heddle-go/heddle/task"
)

// Scheduler runs tasks on a fixed pool of workers. Its methods may be called from any
// goroutine and from tasks, unless they say otherwise. Make one with [New].
type Scheduler struct {
	cfg     config
	cpus    []int // those that workers are bound to; nil without CPUs pinning
	start   time.Time
	workers []*worker
	mon     *preempt.Monitor

	home    rt.Home
	inj     injector
	idle    idleSet
	timers  timers
	descs   descPool
	loopers loopers
	block   blockers

	// live counts tasks that were accepted and have not ended. Submissions from outside
	// count at once; workers keep what happens on them to themselves
	// until they flush, at the latest before they sleep. So it is exact when all workers
	// sleep, which is when it is asked: see quiesce.
	live     atomic.Int64
	procs    atomic.Int32 // GOMAXPROCS
	wakes    atomic.Uint64
	stalls   atomic.Uint64
	stranded atomic.Uint64

	phase    atomic.Int32
	quit     atomic.Bool    // workers are to end
	done     sync.WaitGroup // workers
	quiet    chan struct{}  // closed when all tasks have ended and none can come
	closed   chan struct{}  // closed when nothing of the scheduler is left
	finish   sync.Once
	trimmed  int64 // sysmon's: when it last trimmed the pools
	strandAt int64 // sysmon's: since when work waits beside sleepers; 0: it does not
}

// The phases of a scheduler's life, in order. ARCHITECTURE.md, "Shutting down", says what
// each allows.
const (
	phaseOpen     = iota
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
	s := &Scheduler{
		cfg:    cfg,
		start:  time.Now(),
		quiet:  make(chan struct{}),
		closed: make(chan struct{}),
	}
	if cfg.pinning == CPUs {
		if s.cpus, err = allowedCPUs(); err != nil {
			return nil, err
		}
	}
	s.home.Sched = s
	s.home.Workers.Store(int64(cfg.workers))
	s.descs.nobody = &rt.Worker{Home: &s.home}
	s.idle.n = cfg.workers
	s.refreshProcs()
	units := make([]preempt.Unit, cfg.workers)
	for i := range cfg.workers {
		w := &worker{s: s, id: i, pinned: s.pinned(), rng: rand.New(rand.NewPCG(uint64(i), 0x68656464))}
		w.Host, w.Home = w, &s.home
		w.runq.Init(deque.FIFO, 0)
		w.Forks.Init(deque.LIFO, 0)
		w.Index = indexes.take()
		// Dispatch numbers of different workers far apart, so that a mark for one worker's
		// dispatch of a task does not fit another's.
		w.Worker.Dispatch.Store(uint32(i) * 0x9e3779b1)
		w.park.init(w.pinned)
		s.workers = append(s.workers, w)
		units[i] = unit{w}
	}
	s.mon = preempt.NewMonitor(preempt.Config{
		Units:   units,
		Quantum: cfg.quantum,
		Stall:   cfg.stallAfter,
		Tick:    s.sysmonTick,
		Idle:    func() bool { return s.idle.sleeping() == cfg.workers },
		Now:     s.now,
	})
	s.done.Add(cfg.workers)
	for _, w := range s.workers {
		go w.main()
	}
	s.mon.Start()
	return s, nil
}

func (s *Scheduler) pinned() bool { return s.cfg.pinning != None }

// now is the scheduler's clock: monotonic nanoseconds since it was made, never 0.
func (s *Scheduler) now() int64 { return int64(time.Since(s.start)) + 1 }

func (s *Scheduler) logger() *slog.Logger {
	if s.cfg.log != nil {
		return s.cfg.log
	}
	return slog.Default()
}

// Workers returns the number of workers.
func (s *Scheduler) Workers() int { return len(s.workers) }

// Go submits fn and returns the task's handle. It does not wait for the task. It may be called
// from any goroutine; inside a task prefer [task.Ctx.Go], which queues on the task's own
// worker.
//
// After Shutdown or Close, fn does not run and the handle's Err is [task.ErrClosed].
func (s *Scheduler) Go(fn func(c *task.Ctx), opts ...task.Option) task.Task {
	if fn == nil {
		panic("scheduler: Go with a nil function")
	}
	var none context.Context
	return task.HandleOf(s.Admit(fn, task.Submission(none, opts)))
}

// GoContext is Go for a task that also belongs to a context: the task is cancelled, with the
// context's cause, when ctx ends, and its Ctx has ctx's deadline and values. If ctx has
// ended already, fn does not run.
func (s *Scheduler) GoContext(ctx context.Context, fn func(c *task.Ctx), opts ...task.Option) task.Task {
	if ctx == nil {
		panic("scheduler: GoContext with a nil context: use Go, or context.Background()")
	}
	if fn == nil {
		panic("scheduler: GoContext with a nil function")
	}
	return s.admitUnder(ctx, fn, task.Submission(ctx, opts))
}

// enter counts a task that is submitted from outside, and reports whether it is accepted.
//
// It counts before it looks at the phase; Shutdown and Close set the phase before they look at
// the count. So either the task is refused or it is waited for.
func (s *Scheduler) enter() bool {
	s.live.Add(1)
	if s.phase.Load() == phaseOpen {
		return true
	}
	s.live.Add(-1)
	s.quiesce()
	return false
}

// Admit implements rt.Scheduler: the way in for goroutines.
func (s *Scheduler) Admit(fn any, x *rt.Ext) (*rt.Desc, uint32) {
	if !s.enter() {
		return nil, 0
	}
	q := &s.inj
	q.mu.Lock()
	d := q.descs.get(&s.descs)
	d.Start(fn, x)
	gen := d.Gen()
	q.accept(d) // (P1)
	q.mu.Unlock()
	s.wakeOne() // (P2, P3)
	return d, gen
}

// admitUnder is Admit for a task that is cancelled with ctx.
func (s *Scheduler) admitUnder(ctx context.Context, fn any, x *rt.Ext) task.Task {
	if !s.enter() {
		return task.Closed()
	}
	q := &s.inj
	q.mu.Lock()
	d := q.descs.get(&s.descs)
	q.mu.Unlock()
	// The watch may cancel at once, so the descriptor must be alive.
	d.Start(fn, x)
	t := task.HandleOf(d, d.Gen())
	x.Watch(context.AfterFunc(ctx, func() { t.CancelCause(context.Cause(ctx)) }))
	if ctx.Err() != nil {
		t.CancelCause(context.Cause(ctx))
	}
	q.mu.Lock()
	q.accept(d)
	q.mu.Unlock()
	s.wakeOne()
	return t
}

// Inject implements rt.Scheduler.
func (s *Scheduler) Inject(d *rt.Desc) {
	s.inj.push(d) // (P1)
	s.wakeOne()   // (P2, P3)
}

// OnTask implements rt.Scheduler. Who asks is about to block until some task has ended, and
// so wants to know about tasks of this scheduler. If no worker runs any, the answer is cheap; walking
// the stack takes microseconds when the tables it needs are not in the caches, which a program
// that was idle until now would feel (BenchmarkWakeIdle).
func (s *Scheduler) OnTask() bool {
	for _, w := range s.workers {
		if w.Current.Load() != nil {
			return onTask()
		}
	}
	return false
}

// inHandler calls a user's handler on a goroutine of its own, where it may panic, which ends
// the process, and call Goexit, which would end a fiber.
func inHandler(f func()) {
	done := make(chan struct{})
	go handle(f, done)
	<-done
}

//go:noinline
func handle(f func(), done chan struct{}) {
	defer close(done)
	f()
}

// codes are the functions through which the stack of each task, and of each handler, passes.
var codes = [...]code{codeOf(call), codeOf(handle)}

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

// onTask reports whether the caller runs on a task, or in a handler, of some scheduler,
// by its stack. It takes a fraction of a microsecond on a stack of usual depth.
func onTask() bool {
	var pcs [32]uintptr
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		for _, pc := range pcs[:n] {
			for _, c := range codes {
				if c.from < pc && pc <= c.to {
					return true
				}
			}
		}
		if n < len(pcs) {
			return false
		}
	}
}

// crash ends the process as an unrecovered panic of a goroutine does. The panic cannot
// be left to itself: iter.Pull would carry it into another fiber.
func crash(t task.Task, e *task.PanicError) {
	name := t.Name()
	if name != "" {
		name = " " + name
	}
	fmt.Fprintf(os.Stderr, "panic: %v\n\n[heddle: unhandled panic in task%s; scheduler.WithPanicHandler handles them]\n%s\n", panicText(e.Value), name, e.Stack)
	os.Exit(2)
}

// panicText formats a panic's value much as the Go runtime does.
func panicText(v any) string {
	switch v := v.(type) {
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	case string:
		return v
	}
	return fmt.Sprintf("(%T) %v", v, v)
}
