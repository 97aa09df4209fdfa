package preempt

import (
	"time"

	"github.com/heddle-go/heddle/internal/preempt"
)

// A Dispatch is one stay of a unit of work on a processor.
type Dispatch struct {
	Flag *Flag  // the unit's flag
	Life uint64 // changes when the flag comes to serve another unit
	ID   uint32 // the number of the stay, as [Flag.Ask] names it
}

// A Unit is something that runs dispatches one after the other, such as a
// worker. Its methods are called by the monitor's goroutine only.
type Unit interface {
	// Dispatch returns the present dispatch, or false if there is none.
	Dispatch() (Dispatch, bool)
	// Stalled is told, once, of a dispatch that has passed no yield point for
	// that long although it was asked to.
	Stalled(d Dispatch, age time.Duration)
}

// Config is what a [Monitor] watches.
type Config struct {
	Units   []Unit        // watched from the start; see [Monitor.Watch]
	Quantum time.Duration // see [Monitor.SetQuantum]
	Stall   time.Duration // see [Monitor.SetStall]

	// Idle reports whether there is nothing to watch. When it has been true for
	// about a second, the monitor sleeps until Kick. A nil Idle never is.
	Idle func() bool
	// Now is a monotonic clock, in nanoseconds. Nil means that of the process.
	Now func() int64
}

// A Monitor watches units and asks those that overrun their quantum to give
// way: Go's sysmon, as a goroutine. It looks again after 20 µs when it had to ask, and doubles the pause up to 10 ms, or to the quantum
// if that is shorter, while it has not.
type Monitor preempt.Monitor

func (m *Monitor) in() *preempt.Monitor { return (*preempt.Monitor)(m) }

// NewMonitor returns a monitor that runs until Stop. It is not started.
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

// SetQuantum has dispatches that are older asked to give way, from the next tick on. It must be positive. Any goroutine may call it.
func (m *Monitor) SetQuantum(d time.Duration) { m.in().SetQuantum(d) }

// SetStall has dispatches reported as stalled that are older and have not heard that they were asked, from the next tick on; 0 for
// never. Any goroutine may call it.
func (m *Monitor) SetStall(d time.Duration) { m.in().SetStall(d) }

// Watch has the monitor watch further units from its next tick on. Any goroutine may call it, also
// from within a callback.
func (m *Monitor) Watch(us ...Unit) { m.in().Watch(inner(us)...) }

// Start starts the monitor's goroutine. Call it once.
func (m *Monitor) Start() { m.in().Start() }

// Stop ends the monitor and blocks until its goroutine has ended. It may be called more than once, but
// not from within a callback, nor before Start.
func (m *Monitor) Stop() { m.in().Stop() }

// Asleep reports whether the monitor sleeps without an end. The goroutine that makes the units
// busy then has to Kick it.
func (m *Monitor) Asleep() bool { return m.in().Asleep() }

// Kick makes the monitor tick soon. It never blocks.
func (m *Monitor) Kick() { m.in().Kick() }

// A unit is a Unit as the inner monitor sees it.
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
