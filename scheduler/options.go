package scheduler

import (
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/heddle-go/heddle/internal/engine"
	"github.com/heddle-go/heddle/internal/thread"
	"github.com/heddle-go/heddle/task"
)

// MaxWorkers is the largest number of workers that [WithWorkers] takes.
const MaxWorkers = 1024

// The bounds of [WithQuantum].
const (
	MinQuantum = 100 * time.Microsecond
	MaxQuantum = 10 * time.Second
)

// Pinning says how workers are bound to operating system threads and CPUs.
type Pinning uint8

const (
	// Threads locks each worker to its thread (runtime.LockOSThread) while it is awake, that is,
	// while it looks for work or runs it. A worker that sleeps gives its thread back to the Go
	// runtime, and usually wakes on the same one. At no time do more threads run tasks than there
	// are workers. It is the default.
	Threads Pinning = iota
	// CPUs is Threads, and binds the thread of worker i, while that is awake, to one of the CPUs
	// that the caller of New may use. Linux only. A thread that the Go runtime starts inherits the
	// CPUs of the thread that starts it. If the runtime interrupts a worker at the moment of a
	// switch, that may be a bound one. So on a busy machine, a few of the runtime's threads may
	// stay bound to one CPU.
	CPUs
	// Fixed locks each worker to one thread for its whole life, also while it sleeps. It is for
	// tasks that depend on the thread: a library with thread-local state, or a tool that counts
	// threads. Waking a worker takes several times as long, and goroutines outside wait longer
	// until the Go runtime lets them run.
	Fixed
	// None lets workers be plain goroutines, which the Go runtime may move between threads
	// as it likes. Waking an idle worker is cheapest.
	None
)

// String returns "threads", "cpus", "fixed" or "none".
func (p Pinning) String() string {
	switch p {
	case Threads:
		return "threads"
	case CPUs:
		return "cpus"
	case Fixed:
		return "fixed"
	case None:
		return "none"
	}
	return fmt.Sprintf("Pinning(%d)", uint8(p))
}

// MarshalText returns [Pinning.String], for log/slog and encoding/json. It never fails.
func (p Pinning) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// A config is what options set: the engine's Config, and what that has in another form.
type config struct {
	engine.Config
	pinning  Pinning
	onStall  func(Stall)
	observer Observer
}

// Option is an option of [New].
type Option interface {
	apply(c *config) error
}

type optionFunc func(c *config) error

func (f optionFunc) apply(c *config) error { return f(c) }

// WithWorkers sets the number of workers, 1 to [MaxWorkers]. The default is GOMAXPROCS at the time
// of New, which honours CPU limits of the container. More workers than GOMAXPROCS do not compute in
// parallel; they help when tasks block their threads. [Scheduler.Resize] changes the number later.
// [WithGOMAXPROCS], which takes the place of this option, makes it follow GOMAXPROCS.
func WithWorkers(n int) Option {
	return optionFunc(func(c *config) error {
		if n < 1 || n > MaxWorkers {
			return fmt.Errorf("scheduler: WithWorkers(%d): want 1 to %d", n, MaxWorkers)
		}
		c.Workers = n
		return nil
	})
}

// WithGOMAXPROCS makes the number of workers follow GOMAXPROCS, which the Go runtime changes with
// the CPU limit of the container. New starts with that number. About 10 ms after each change the
// scheduler does a [Scheduler.Resize]; if all workers sleep, it waits until a worker wakes. The
// option cannot be combined with [WithWorkers].
func WithGOMAXPROCS() Option {
	return optionFunc(func(c *config) error {
		c.Follow = true
		return nil
	})
}

// WithPinning sets how workers are bound to threads and CPUs; the default is [Threads].
// New returns an error for [CPUs] where the system has no such call.
func WithPinning(p Pinning) Option {
	return optionFunc(func(c *config) error {
		if p > None {
			return fmt.Errorf("scheduler: WithPinning(%d): want Threads (0), CPUs (1), Fixed (2) or None (3)", uint8(p))
		}
		if p == CPUs {
			if err := thread.CanBind(); err != nil {
				return fmt.Errorf("scheduler: WithPinning(%v): %w", p, err)
			}
		}
		c.pinning = p
		return nil
	})
}

// WithQuantum sets the time slice, from [MinQuantum] to [MaxQuantum]. If a task has run for longer
// than a quantum and another task is runnable, it goes to the back of the queue at its next yield
// point. The default is 10 ms, as in Go. With a short quantum, short tasks beside long ones respond
// sooner, and each change of turn costs a switch. [Scheduler.SetQuantum] changes the quantum later.
func WithQuantum(d time.Duration) Option {
	return optionFunc(func(c *config) error {
		c.Quantum = d
		return checkQuantum("WithQuantum", d)
	})
}

func checkQuantum(call string, d time.Duration) error {
	if d < MinQuantum || d > MaxQuantum {
		return fmt.Errorf("scheduler: %s(%v): want %v to %v", call, d, MinQuantum, MaxQuantum)
	}
	return nil
}

// WithStallAfter sets how long a task may run without a yield point before the scheduler reports it
// as stalled: by a warning to the logger, by the count in [Stats], and by a call of the handler, if
// there is one. The scheduler reports a task at most once for each dispatch. 0 turns reports off.
// The default is 1 s. [Scheduler.SetStallAfter] changes the time later.
//
// A report has the stack of the task. To print it, the Go runtime has to stop all goroutines of the
// process, for about 10 us each, so this happens at most once a second. Reports that are due within
// a second share the stacks that were printed, if their tasks were running by then. Tasks that have
// started and wait count as goroutines.
//
// If there are more than 1,000 goroutines, the scheduler takes a goroutine profile instead, in the
// background. That stops the process only for two short moments, and takes about 3 us of CPU time
// and 420 bytes of memory for each goroutine. The next profile has to wait for a hundred times as
// long as the last one took. The report waits for the profile. If the task gives way before that,
// no profile may be taken, or there are more than 100,000 goroutines, the report has no stack. The
// profile does not tell which stack is whose. So the report has the stacks of all tasks that run at
// that moment, up to 16. There are seldom more of them than workers. With [WithNameLabels], the
// report of a named task has only those of tasks with its name.
func WithStallAfter(d time.Duration) Option {
	return optionFunc(func(c *config) error {
		c.StallAfter = d
		return checkStall("WithStallAfter", d)
	})
}

func checkStall(call string, d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("scheduler: %s(%v): want 0 (off) or more", call, d)
	}
	return nil
}

// WithStallHandler sets a function that the scheduler calls for each stall, in addition to the
// warning. The function runs on its own goroutine. It must not block for long, because the
// goroutine that watches the tasks waits for it.
func WithStallHandler(f func(Stall)) Option {
	return optionFunc(func(c *config) error {
		if f == nil {
			return fmt.Errorf("scheduler: WithStallHandler(nil): want a function; leave the option out for none")
		}
		c.onStall = f
		return nil
	})
}

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

// WithPanicHandler sets a function that the scheduler calls when a task's function has panicked.
// Without a handler, the panic ends the process, as the panic of a goroutine does. The scheduler
// calls the handler after the task has ended, on a goroutine of its own, and the worker waits for
// it. A panic in the handler ends the process.
func WithPanicHandler(f func(t task.Task, e *task.PanicError)) Option {
	return optionFunc(func(c *config) error {
		if f == nil {
			return fmt.Errorf("scheduler: WithPanicHandler(nil): want a function; leave the option out for none")
		}
		c.OnPanic = f
		return nil
	})
}

// WithLogger sets the logger for warnings. The default is slog.Default() at the time of the
// warning.
func WithLogger(l *slog.Logger) Option {
	return optionFunc(func(c *config) error {
		if l == nil {
			return fmt.Errorf("scheduler: WithLogger(nil): want a logger; leave the option out for slog.Default")
		}
		c.Log = l
		return nil
	})
}

// MaxBlockingLimit is the largest limit that [WithBlockingLimit] takes. By default a Go program may
// have 10,000 threads, and a goroutine that is in a system call holds one.
const MaxBlockingLimit = 8192

// WithBlockingLimit sets how many functions of [task.Ctx.Blocking] and its relatives may run at the
// same time, 1 to [MaxBlockingLimit]. Further calls wait in a queue. The default is 512.
//
// Each running function uses at most one goroutine besides the workers. The scheduler starts these
// goroutines when it needs them, uses them again, and ends them when they have been idle for some
// seconds. With a high limit more calls overlap, and each call that is in a system call holds a
// thread.
func WithBlockingLimit(n int) Option {
	return optionFunc(func(c *config) error {
		if n < 1 || n > MaxBlockingLimit {
			return fmt.Errorf("scheduler: WithBlockingLimit(%d): want 1 to %d", n, MaxBlockingLimit)
		}
		c.Blocking = n
		return nil
	})
}

// configOf returns what opts say, and the defaults for the rest.
func configOf(opts []Option) (config, error) {
	c := config{Config: engine.Config{
		Quantum:    10 * time.Millisecond,
		StallAfter: time.Second,
		Blocking:   512,
	}}
	for i, o := range opts {
		if o == nil {
			return c, fmt.Errorf("scheduler: New: option %d is nil", i)
		}
		if err := o.apply(&c); err != nil {
			return c, err
		}
	}
	if c.LatencyNames != 0 && c.Latencies == 0 {
		return c, fmt.Errorf("scheduler: WithLatenciesByName(%d) without WithLatencies: want both", c.LatencyNames)
	}
	switch {
	case c.Workers == 0:
		c.Workers = min(runtime.GOMAXPROCS(0), MaxWorkers)
	case c.Follow:
		return c, fmt.Errorf("scheduler: WithWorkers(%d) and WithGOMAXPROCS: want one of them", c.Workers)
	}
	return c, nil
}
