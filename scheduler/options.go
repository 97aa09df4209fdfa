package scheduler

import (
	"fmt"
	"log/slog"
	"runtime"
	"time"

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
	// that the process may use. Linux only.
	CPUs
	// Fixed locks each worker to one thread for its whole life, also while it sleeps. It is for
	// tasks that depend on the thread: a library with thread-local state, or a tool that counts
	// threads. Waking a worker takes several times as long, and goroutines outside wait longer for
	// a P.
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

// Stall describes a task that has passed no yield point for long, and so keeps
// its worker from everybody else.
type Stall struct {
	Task   task.Task
	Name   string        // the task's name, if it was given one
	Worker int           // index of the worker it holds
	Age    time.Duration // how long it has been running, as far as it was seen
}

type config struct {
	workers    int
	follow     bool // GOMAXPROCS
	pinning    Pinning
	quantum    time.Duration
	stallAfter time.Duration
	onStall    func(Stall)
	onPanic    func(task.Task, *task.PanicError)
	log        *slog.Logger
	blocking   int
	clock      Clock

	queueLimit  int // 0: none
	queuePolicy QueuePolicy
}

// Option is an option of [New].
type Option interface {
	apply(c *config) error
}

type optionFunc func(c *config) error

func (f optionFunc) apply(c *config) error { return f(c) }

// WithWorkers sets the number of workers, 1 to [MaxWorkers]. The default is GOMAXPROCS at the time
// of New, which honours CPU limits of the container. More workers than GOMAXPROCS do not compute in
// parallel; they help when tasks block their threads. [Scheduler.Resize] changes it later, and so
// does [WithGOMAXPROCS].
func WithWorkers(n int) Option {
	return optionFunc(func(c *config) error {
		if n < 1 || n > MaxWorkers {
			return fmt.Errorf("scheduler: WithWorkers(%d): want 1 to %d", n, MaxWorkers)
		}
		c.workers = n
		return nil
	})
}

// WithGOMAXPROCS has the number of workers follow GOMAXPROCS, which the Go runtime changes when the
// CPU limit of the container does: New begins with it, and each later change of it is a
// [Scheduler.Resize], some 10 ms later, or when the first worker wakes if all sleep. It cannot be
// combined with [WithWorkers].
func WithGOMAXPROCS() Option {
	return optionFunc(func(c *config) error {
		c.follow = true
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

// WithQuantum sets the time slice: a task that has been running for longer goes to the back of
// the queue at its next yield point, if another one is runnable. From [MinQuantum]
// to [MaxQuantum]; the default is 10 ms, as Go's. A short quantum makes short tasks beside
// hogs respond sooner and costs a switch each time. [Scheduler.SetQuantum] changes it later.
func WithQuantum(d time.Duration) Option {
	return optionFunc(func(c *config) error {
		c.quantum = d
		return checkQuantum("WithQuantum", d)
	})
}

func checkQuantum(call string, d time.Duration) error {
	if d < MinQuantum || d > MaxQuantum {
		return fmt.Errorf("scheduler: %s(%v): want %v to %v", call, d, MinQuantum, MaxQuantum)
	}
	return nil
}

// WithStallAfter sets after how long without a yield point a task is reported as stalled:
// by a warning to the logger, by the count in [Stats], and to the handler, if any. It
// is reported once for each time it was put on a worker. 0 turns reports off; the default
// is 1 s. [Scheduler.SetStallAfter] changes it later.
func WithStallAfter(d time.Duration) Option {
	return optionFunc(func(c *config) error {
		c.stallAfter = d
		return checkStall("WithStallAfter", d)
	})
}

func checkStall(call string, d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("scheduler: %s(%v): want 0 (off) or more", call, d)
	}
	return nil
}

// WithStallHandler sets a function that is called with each stall, in addition to
// the warning. It is called on a goroutine of its own and must not block for long: the goroutine
// that watches the tasks waits for it.
func WithStallHandler(f func(Stall)) Option {
	return optionFunc(func(c *config) error {
		if f == nil {
			return fmt.Errorf("scheduler: WithStallHandler(nil): want a function; leave the option out for none")
		}
		c.onStall = f
		return nil
	})
}

// WithPanicHandler sets a function that is called when a task's function panics. Without one, the
// panic ends the process, as a goroutine's would. The handler is called after the task has ended,
// on a goroutine of its own; the worker waits for it. A panic in it ends the process.
func WithPanicHandler(f func(t task.Task, e *task.PanicError)) Option {
	return optionFunc(func(c *config) error {
		if f == nil {
			return fmt.Errorf("scheduler: WithPanicHandler(nil): want a function; leave the option out for none")
		}
		c.onPanic = f
		return nil
	})
}

// WithLogger sets where warnings go; the default is slog.Default() at the time
// of the warning.
func WithLogger(l *slog.Logger) Option {
	return optionFunc(func(c *config) error {
		if l == nil {
			return fmt.Errorf("scheduler: WithLogger(nil): want a logger; leave the option out for slog.Default")
		}
		c.log = l
		return nil
	})
}

// MaxBlockingLimit is the largest limit that [WithBlockingLimit] takes. By default a Go program may
// have 10,000 threads, and a goroutine that is in a system call holds one.
const MaxBlockingLimit = 8192

// WithBlockingLimit sets how many functions of [task.Ctx.Blocking] and the like run at most at
// once; calls beyond that queue. 1 to [MaxBlockingLimit]; the default is 512. For each of them
// there is a goroutine besides the workers at most. Goroutines are started when needed, used again,
// and end when they have been idle for some seconds. A high limit lets more calls overlap; each
// that is in a system call holds a thread.
func WithBlockingLimit(n int) Option {
	return optionFunc(func(c *config) error {
		if n < 1 || n > MaxBlockingLimit {
			return fmt.Errorf("scheduler: WithBlockingLimit(%d): want 1 to %d", n, MaxBlockingLimit)
		}
		c.blocking = n
		return nil
	})
}

func newConfig(opts []Option) (config, error) {
	c := config{
		workers:    min(runtime.GOMAXPROCS(0), MaxWorkers),
		quantum:    10 * time.Millisecond,
		stallAfter: time.Second,
		blocking:   512,
	}
	own := c.workers
	c.workers = 0
	for i, o := range opts {
		if o == nil {
			return c, fmt.Errorf("scheduler: New: option %d is nil", i)
		}
		if err := o.apply(&c); err != nil {
			return c, err
		}
	}
	switch {
	case c.workers == 0:
		c.workers = own
	case c.follow:
		return c, fmt.Errorf("scheduler: WithWorkers(%d) and WithGOMAXPROCS: want one of them", c.workers)
	}
	return c, nil
}
