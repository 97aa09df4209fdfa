package preempt

import (
	"time"

	"github.com/heddle-go/heddle/internal/preempt"
)

// A Dispatch is one stay of a unit of work on a processor.
type Dispatch struct {
	Flag *Flag  // the unit's flag
	Life uint64 // changes when the flag begins to serve another unit
	ID   uint32 // the number of the stay, as [Flag.Ask] names it
}

// A Unit runs dispatches one after the other, as a worker does. Only the monitor's goroutine calls
// its methods.
type Unit interface {
	// Dispatch returns the present dispatch, or false if none is running.
	Dispatch() (Dispatch, bool)
	// The monitor calls Stalled once for a dispatch that has passed no yield point although it was
	// asked to give way. age is how long the dispatch has run.
	Stalled(d Dispatch, age time.Duration)
}

// Config is the configuration of a [Monitor].
type Config struct {
	Units   []Unit        // watched from the start; see [Monitor.Watch]
	Quantum time.Duration // see [Monitor.SetQuantum]
	Stall   time.Duration // see [Monitor.SetStall]

	// Idle reports whether there is nothing to watch. After it has returned true for about a
	// second, the monitor sleeps until Kick. A nil Idle means that there is always something to
	// watch.
	Idle func() bool
	// Now is a monotonic clock, in nanoseconds. Nil means the clock of the process.
	Now func() int64
}

// A Monitor watches units and asks a dispatch that overruns its quantum to give way, like sysmon of
// the Go runtime, but as a goroutine. After a tick at which it had to ask, it ticks again after 20
// µs. Otherwise it doubles the pause, up to 10 ms or to the quantum if that is shorter.
type Monitor innerMonitor

// innerMonitor is the type beneath a Monitor. The alias keeps the name of an internal type out of
// go doc.
type innerMonitor = preempt.Monitor

func (m *Monitor) in() *preempt.Monitor { return (*preempt.Monitor)(m) }

// NewMonitor returns a monitor that is not started.
func NewMonitor(cfg Config) *Monitor {
	in := preempt.Config{
		Units:   inner(cfg.Units),
		Quantum: cfg.Quantum,
		Stall:   cfg.Stall,
		Tick:    func(int64) (next int64, busy bool) { return 0, false },
		Idle:    cfg.Idle,
		Now:     cfg.Now,
	}
	if in.Idle == nil {
		in.Idle = func() bool { return false }
	}
	if in.Now == nil {
		begin := time.Now()
		in.Now = func() int64 { return int64(time.Since(begin)) }
	}
	return (*Monitor)(preempt.NewMonitor(in))
}

// SetQuantum sets the age at which dispatches are asked to give way, from the next tick on. d must
// be positive. Any goroutine may call SetQuantum.
func (m *Monitor) SetQuantum(d time.Duration) { m.in().SetQuantum(d) }

// SetStall sets the age at which dispatches that have not noticed a request are reported as
// stalled, from the next tick on. 0 means never. Any goroutine may call SetStall.
func (m *Monitor) SetStall(d time.Duration) { m.in().SetStall(d) }

// Watch adds units that the monitor watches from its next tick on. Any goroutine may call it, also
// from a callback.
func (m *Monitor) Watch(us ...Unit) { m.in().Watch(inner(us)...) }

// Start starts the monitor's goroutine. It must be called only once.
func (m *Monitor) Start() { m.in().Start() }

// Stop ends the monitor and blocks until its goroutine has ended. It may be called more than once,
// but not from a callback and not before Start.
func (m *Monitor) Stop() { m.in().Stop() }

// Asleep reports whether the monitor sleeps until a call of Kick. If so, a goroutine that makes a
// unit busy has to call Kick afterwards.
func (m *Monitor) Asleep() bool { return m.in().Asleep() }

// Kick makes the monitor tick soon. It never blocks.
func (m *Monitor) Kick() { m.in().Kick() }

// unit adapts a Unit to the inner monitor.
type unit struct{ u Unit }

func inner(us []Unit) []preempt.Unit {
	in := make([]preempt.Unit, len(us))
	for i, u := range us {
		in[i] = unit{u}
	}
	return in
}

// Dispatch implements the inner Unit.
func (u unit) Dispatch() (preempt.Dispatch, bool) {
	d, ok := u.u.Dispatch()
	return preempt.Dispatch{Flag: d.Flag.in(), Life: d.Life, ID: d.ID}, ok
}

// Stalled implements the inner Unit.
func (u unit) Stalled(d preempt.Dispatch, age time.Duration) {
	u.u.Stalled(Dispatch{Flag: (*Flag)(d.Flag), Life: d.Life, ID: d.ID}, age)
}
