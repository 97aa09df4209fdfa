package preempt

import (
	"slices"
	"sync"
	"time"

	"go.uber.org/atomic"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/label"
)

// The back-off of a monitor: it looks again after MinTick when it had something to
// do, and doubles the pause up to MaxTick while it has not. The ends are those of
// the Go runtime's sysmon. That one stays at its shortest pause for a
// millisecond first; this one does not, since its ticks are a goroutine's and disturb
// the units that compute.
const (
	MinTick = 20 * time.Microsecond
	MaxTick = 10 * time.Millisecond
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

// A Nudger is a [Unit] that has other means, besides the flag, to make a dispatch come to its
// slow path. Nudge is called after each Ask, by the monitor's goroutine.
type Nudger interface {
	Nudge()
}

// Config is what a [Monitor] watches and does.
type Config struct {
	Units   []Unit        // watched from the start; see [Monitor.Watch]
	Quantum time.Duration // see [Monitor.SetQuantum]
	Stall   time.Duration // see [Monitor.SetStall]

	// Tick is called at each tick. It returns the time at which the monitor has to
	// tick again at the latest, in nanoseconds of Now, or 0; and whether
	// there was something to do.
	Tick func(now int64) (next int64, busy bool)
	// Idle reports whether there is nothing to watch. When it has been true for
	// some ticks, the monitor sleeps until Kick, or until the time that Tick
	// returned.
	Idle func() bool
	// Now is the clock, in nanoseconds.
	Now func() int64
}

// idleTicks is how many ticks in a row, the last ones MaxTick apart, must
// find the units idle before the monitor sleeps. A second: a caller that submits now
// and then must not pay for waking the monitor each time.
const idleTicks = 100

// A Monitor watches units and asks those that overrun their quantum to give
// way: Go's sysmon, as a goroutine.
type Monitor struct {
	cfg     Config
	quantum atomic.Duration
	stall   atomic.Duration

	units atomicx.Pointer[[]Unit] // copied to change it, under mu
	mu    sync.Mutex
	seen  []seen // of the unit with the same index
	kick  chan struct{}
	quit  chan struct{}
	done  chan struct{}
	once  sync.Once
	until atomicx.Int64 // when it ticks next; never while it sleeps without an end
}

type seen struct {
	d        Dispatch
	since    int64 // first tick that saw it
	asked    int64 // first tick that asked it; 0: none
	reported bool
}

const never = 1<<63 - 1

// NewMonitor returns a monitor that runs until Stop. It is not started.
func NewMonitor(cfg Config) *Monitor {
	m := &Monitor{
		cfg:  cfg,
		kick: make(chan struct{}, 1),
		quit: make(chan struct{}),
		done: make(chan struct{}),
	}
	m.SetQuantum(cfg.Quantum)
	m.SetStall(cfg.Stall)
	m.Watch(cfg.Units...)
	return m
}

// SetQuantum has dispatches that are older asked to give way, from the next tick on. It must be positive. Any goroutine may call it.
func (m *Monitor) SetQuantum(d time.Duration) { m.quantum.Store(d) }

// SetStall has dispatches reported as stalled that are older and have not heard that they were asked, from the next tick on; 0 for
// never. Any goroutine may call it.
func (m *Monitor) SetStall(d time.Duration) { m.stall.Store(d) }

// Watch has the monitor watch further units from its next tick on. Anybody may call it, also
// from within a callback.
func (m *Monitor) Watch(us ...Unit) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := us
	if old := m.units.Load(); old != nil {
		all = append(slices.Clone(*old), us...)
	}
	m.units.Store(&all)
}

// Start starts the monitor's goroutine. Call it once.
func (m *Monitor) Start() { go m.run() }

// Stop ends the monitor and waits for its goroutine. It may be called more than once, but
// not from within a callback.
func (m *Monitor) Stop() {
	m.once.Do(func() { close(m.quit) })
	<-m.done
}

// Asleep reports whether the monitor sleeps without an end. Whoever makes the units
// busy then has to Kick it.
func (m *Monitor) Asleep() bool { return m.until.Load() == never }

// Kick makes the monitor tick soon. It never blocks.
func (m *Monitor) Kick() {
	select {
	case m.kick <- struct{}{}:
	default:
	}
}

// KickBefore kicks the monitor if it would not tick by the given time. The caller
// has first made known, where Tick looks, what is due then:
//
//	caller                             monitor
//	C1 publish what is due at t        M1 store until
//	C2 load until; kick if after t     M2 ask Tick again for what is due first
//
// Either C2 sees the until of M1, or M2 sees what C1 published.
func (m *Monitor) KickBefore(t int64) {
	if m.until.Load() > t {
		m.Kick()
	}
}

func (m *Monitor) run() {
	label.Clear() // those of the caller of Start
	defer close(m.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	pause, idle := MinTick, 0
	for {
		now := m.cfg.Now()
		busy := m.look(now)
		next, did := m.cfg.Tick(now)
		if busy || did {
			pause = MinTick
		} else {
			pause = min(2*pause, m.longest())
		}
		if m.cfg.Idle() {
			idle++
		} else {
			idle = 0
		}
		until := now + int64(pause)
		if idle >= idleTicks {
			until = never
		}
		if next != 0 {
			until = min(until, next)
		}
		if !m.doze(now, until) {
			idle = 0
			continue
		}
		var ring <-chan time.Time
		if until != never {
			timer.Reset(time.Duration(until - now))
			ring = timer.C
		}
		select {
		case <-m.quit:
			return
		case <-m.kick:
			idle = 0
		case <-ring:
		}
	}
}

// doze makes known until when the monitor sleeps, and reports false if it must not.
func (m *Monitor) doze(now, until int64) bool {
	m.until.Store(until) // (M1)
	// (M2); and Idle again, for Asleep.
	if n, did := m.cfg.Tick(now); did || n != 0 && n < until || until == never && !m.cfg.Idle() {
		m.until.Store(now)
		return false
	}
	return true
}

func (m *Monitor) longest() time.Duration {
	return max(MinTick, min(MaxTick, m.quantum.Load()))
}

// look visits the units and reports whether it had to ask one.
func (m *Monitor) look(now int64) (busy bool) {
	units := *m.units.Load()
	quantum, stall := m.quantum.Load(), m.stall.Load()
	for len(m.seen) < len(units) {
		m.seen = append(m.seen, seen{})
	}
	for i, u := range units {
		s := &m.seen[i]
		d, ok := u.Dispatch()
		if !ok {
			*s = seen{}
			continue
		}
		if d != s.d {
			*s = seen{d: d, since: now}
			continue
		}
		age := time.Duration(now - s.since)
		if age >= quantum {
			// Ask each time: a mark may have been consumed when nobody else
			// was there to take over.
			d.Flag.Ask(d.ID)
			if n, ok := u.(Nudger); ok {
				n.Nudge()
			}
			if s.asked == 0 {
				s.asked = now
				busy = true
			}
		}
		// It must have had time to hear the request, if the quantum is the longer one.
		if stall > 0 && age >= stall && s.asked != 0 && now-s.asked >= int64(stall)/2 && !s.reported {
			s.reported = true
			u.Stalled(d, age)
		}
	}
	return busy
}
