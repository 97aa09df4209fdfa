package engine

import (
	"context"
	"log/slog"
	"time"

	"github.com/heddle-go/heddle/internal/look"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/timers"
	"github.com/heddle-go/heddle/task"
)

// A Config is what [New] makes a scheduler from. Package scheduler fills it from options, has the
// defaults, and checks the values. It also documents what each of them means.
type Config struct {
	Workers    int
	Follow     bool // the number of workers follows GOMAXPROCS
	Pinning    Pinning
	CPUs       []int // the workers' threads are bound to these; nil: to none
	Quantum    time.Duration
	StallAfter time.Duration // 0: stalls are not reported
	Blocking   int           // the most blocking calls at a time
	Clock      timers.Clock  // nil: real time
	Log        *slog.Logger  // nil: slog.Default
	Observer   Observer      // nil: none

	OnPanic func(task.Task, *task.PanicError) // nil: a panic ends the process
	OnStall func(*Stall)                      // called as a handler (handlers.run); nil: none
	LogOf   func(*Stall) []slog.Attr          // what the log says of a stall

	QueueLimit int // 0: none
	Policy     Policy

	Looks        rt.Looks
	WaitRate     time.Duration // if Looks has LookTimes
	Ring         int           // if Looks has LookRing
	Latencies    LatencyMode
	LatencyNames int // 0: none
}

// pinned reports whether workers are locked to threads.
func (c *Config) pinned() bool { return c.Pinning != Unpinned }

// warn writes a warning to the logger.
func (c *Config) warn(msg string, attrs ...slog.Attr) {
	l := c.Log
	if l == nil {
		l = slog.Default()
	}
	l.LogAttrs(context.Background(), slog.LevelWarn, msg, attrs...)
}

// The bounds of two values of a Config.
const (
	MaxWorkers = 1024
	MaxQuantum = 10 * time.Second
)

// Policy and LatencyMode have the values of the types in package scheduler, which documents them.
type (
	Policy      uint8 // scheduler.QueuePolicy
	LatencyMode uint8 // scheduler.LatencyMode; 0: nothing is measured
)

// Pinning says when a worker is locked to its thread.
type Pinning uint8

const (
	Awake    Pinning = iota // while it is awake
	Fixed                   // for its whole life
	Unpinned                // never
)

// The values of Policy.
const (
	Block Policy = iota
	Reject
	CallerRuns
	DropOldest
)

// The values of LatencyMode.
const (
	Sampled LatencyMode = 1 + iota
	Exact
)

// An Observer is told of what happens to the tasks of a scheduler: see scheduler.Observer.
type Observer interface {
	Ready(t task.Task)
	Start(t task.Task, worker int)
	Park(t task.Task, waitsFor string)
	End(t task.Task, err error)
	Stall(st *Stall)
	Refuse(err error)
}

// A Stall is what package scheduler makes a scheduler.Stall from.
type Stall struct {
	Task   task.Task
	Name   string
	Worker int
	Age    time.Duration
	Stack  string // or ""
	Queued int
	Behind []look.View
	Now    int64 // the time of Behind
}
