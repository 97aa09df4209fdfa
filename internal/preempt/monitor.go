package preempt

import (
	"slices"
	"sync"
	"time"

	"go.uber.org/atomic"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/label"
)

// The monitor ticks again MinTick after it had something to do. Otherwise it doubles the pause, up
// to MaxTick. The Go runtime's sysmon uses the same two values. Unlike that sysmon, this monitor
// does not keep its shortest pause for a millisecond first, because it is a goroutine, and each
// tick disturbs the units that compute.
const (
	MinTick = 20 * time.Microsecond
	MaxTick = 10 * time.Millisecond
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

// A Nudger is a [Unit] that, besides the flag, has another way to bring a dispatch to its slow
// path. The monitor's goroutine calls Nudge after each Ask.
type Nudger interface {
	Nudge()
}

// Config is the configuration of a [Monitor].
type Config struct {
	Units   []Unit        // watched from the start; see [Monitor.Watch]
	Quantum time.Duration // see [Monitor.SetQuantum]
	Stall   time.Duration // see [Monitor.SetStall]

	// The monitor calls Tick at each tick, and again before it sleeps. next is the time by which
	// the monitor has to tick again, in nanoseconds of Now, or 0 if there is no such time. busy
	// reports whether Tick had something to do.
	Tick func(now int64) (next int64, busy bool)
	// Idle reports whether there is nothing to watch. After it has returned true for idleTicks
	// ticks in a row, the monitor sleeps until Kick or until the time that Tick returned.
	Idle func() bool
	// Now is the clock, in nanoseconds.
	Now func() int64
}

// idleTicks is the number of ticks in a row that must find the units idle before the monitor
// sleeps. The last ones are MaxTick apart, so this takes about a second. With a shorter time, a
// caller that makes a unit busy now and then would pay for waking the monitor each time.
const idleTicks = 100

// A Monitor watches units and asks a dispatch that overruns its quantum to give way, like sysmon of
// the Go runtime, but as a goroutine.
type Monitor struct {
	cfg     Config
	quantum atomic.Duration
	stall   atomic.Duration

	units  atomicx.Pointer[[]Unit] // copied on change, under mu
	mu     sync.Mutex
	seen   []seen // seen[i] is for units[i]
	kick   chan struct{}
	quit   chan struct{}
	done   chan struct{}
	once   sync.Once
	until  atomicx.Int64 // the time of the next tick, or noTick if only Kick brings it
	asleep atomicx.Bool  // see Asleep. The monitor writes it
}

type seen struct {
	d        Dispatch
	since    int64 // the time of the first tick that saw d
	asked    int64 // the time of the first tick that asked d to give way, or 0
	reported bool
}

const noTick = 1<<63 - 1

// NewMonitor returns a monitor that is not started.
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

// SetQuantum sets the age at which dispatches are asked to give way, from the next tick on. d must
// be positive. Any goroutine may call SetQuantum.
func (m *Monitor) SetQuantum(d time.Duration) { m.quantum.Store(d) }

// SetStall sets the age at which dispatches that have not noticed a request are reported as
// stalled, from the next tick on. 0 means never. Any goroutine may call SetStall.
func (m *Monitor) SetStall(d time.Duration) { m.stall.Store(d) }

// Watch adds units that the monitor watches from its next tick on. Any goroutine may call it, also
// from a callback.
func (m *Monitor) Watch(us ...Unit) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := us
	if old := m.units.Load(); old != nil {
		all = append(slices.Clone(*old), us...)
	}
	m.units.Store(&all)
}

// Start starts the monitor's goroutine. It must be called only once.
func (m *Monitor) Start() { go m.run() }

// Stop ends the monitor and blocks until its goroutine has ended. It may be called more than once,
// but not from a callback and not before Start.
func (m *Monitor) Stop() {
	m.once.Do(func() { close(m.quit) })
	<-m.done
}

// Asleep reports whether the monitor sleeps because there is nothing to watch. It sleeps until a
// call of Kick or until the time that Tick has returned, however far away that is. If Asleep
// returns true, a goroutine that has made a unit busy has to call Kick.
func (m *Monitor) Asleep() bool { return m.asleep.Load() }

// Kick makes the monitor tick soon. It never blocks.
func (m *Monitor) Kick() {
	select {
	case m.kick <- struct{}{}:
	default:
	}
}

// KickBefore kicks the monitor if it would not tick by time t. Before the call, the caller has
// published that something is due at t, in a place at which Tick looks:
//
//	caller                                  monitor
//	Kick-C1  publish what is due at t       Kick-M1  store until
//	Kick-C2  load until; kick if it is      Kick-M2  call Tick again for the earliest
//	         after t                                 time that is due
//
// Either Kick-C2 sees the until of Kick-M1, or Kick-M2 sees what Kick-C1 published.
func (m *Monitor) KickBefore(t int64) {
	if m.until.Load() > t {
		m.Kick()
	}
}

func (m *Monitor) run() {
	label.Clear() // the caller of Start may have set labels
	defer close(m.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	pause, idle := MinTick, 0
	for {
		now := m.cfg.Now()
		busy := m.visit(now)
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
		asleep := idle >= idleTicks
		if asleep {
			until = noTick
		}
		if next != 0 {
			until = min(until, next)
		}
		if !m.doze(now, until, asleep) {
			idle = 0
			continue
		}
		var alarm <-chan time.Time
		if until != noTick {
			timer.Reset(time.Duration(until - now))
			alarm = timer.C
		}
		select {
		case <-m.quit:
			return
		case <-m.kick:
			idle = 0
		case <-alarm:
		}
	}
}

// doze publishes until, the time until which the monitor will sleep, and asleep, what Asleep
// returns. It returns false if the monitor must tick again instead of sleeping.
func (m *Monitor) doze(now, until int64, asleep bool) bool {
	m.setAsleep(asleep)
	m.until.Store(until) // (Kick-M1)
	// (Kick-M2). doze also asks Idle again, because a caller that has seen Asleep return false does
	// not kick.
	if n, did := m.cfg.Tick(now); did || n != 0 && n < until || asleep && !m.cfg.Idle() {
		m.setAsleep(false)
		m.until.Store(now)
		return false
	}
	return true
}

func (m *Monitor) setAsleep(asleep bool) {
	if m.asleep.Load() != asleep {
		m.asleep.Store(asleep)
	}
}

func (m *Monitor) longest() time.Duration {
	return max(MinTick, min(MaxTick, m.quantum.Load()))
}

// visit goes over the units and asks overdue dispatches to give way. It reports whether it has
// asked a dispatch for the first time.
func (m *Monitor) visit(now int64) (busy bool) {
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
			// visit asks at each tick, because the dispatch may have cleared an earlier mark and
			// gone on, when no other unit of work wanted to run.
			d.Flag.Ask(d.ID)
			if n, ok := u.(Nudger); ok {
				n.Nudge()
			}
			if s.asked == 0 {
				s.asked = now
				busy = true
			}
		}
		// The quantum may be longer than stall. So a dispatch also counts as stalled only after it
		// has had stall/2 to notice the request.
		if stall > 0 && age >= stall && s.asked != 0 && now-s.asked >= int64(stall)/2 && !s.reported {
			s.reported = true
			u.Stalled(d, age)
		}
	}
	return busy
}
