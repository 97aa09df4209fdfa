package preempt

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// unit is a worker whose dispatches the test sets.
type unit struct {
	flag     Flag
	now      Dispatch
	busy     bool
	stalls   []time.Duration
	stalledD []Dispatch
}

func (u *unit) Dispatch() (Dispatch, bool) { return u.now, u.busy }
func (u *unit) Stalled(d Dispatch, age time.Duration) {
	u.stalls = append(u.stalls, age)
	u.stalledD = append(u.stalledD, d)
}

func (u *unit) run(id uint32) {
	u.busy = true
	u.now = Dispatch{Flag: &u.flag, Life: u.now.Life, ID: id}
}

// watch returns a monitor that the test drives by calling visit.
func watch(quantum, stall time.Duration, us ...*unit) *Monitor {
	cfg := Config{Quantum: quantum, Stall: stall}
	for _, u := range us {
		cfg.Units = append(cfg.Units, u)
	}
	return NewMonitor(cfg)
}

// A unit that has run for a quantum is asked to give way, again at each tick, and no other unit is
// asked.
func TestLookAsksAfterTheQuantum(t *testing.T) {
	var a, b, idle unit
	m := watch(10, 0, &a, &b, &idle)
	a.run(1)
	b.run(7)
	require.False(t, m.visit(100))
	require.False(t, m.visit(109))
	b.run(8) // a new dispatch has its full quantum
	require.True(t, m.visit(110))
	require.True(t, a.flag.Asked(1))
	require.False(t, b.flag.Asked(8))
	require.False(t, m.visit(111), "asked again, but that is no news that shortens the pause")
	require.True(t, a.flag.Asked(1))
	require.True(t, m.visit(120))
	require.True(t, b.flag.Asked(8))
	require.False(t, idle.flag.Asked(0))
}

// The same dispatch number in another life of the flag is another dispatch.
func TestLookTellsLivesApart(t *testing.T) {
	var a unit
	m := watch(10, 0, &a)
	a.run(1)
	m.visit(100)
	a.now.Life++
	require.False(t, m.visit(110))
	require.False(t, a.flag.Asked(1))
	require.True(t, m.visit(120))
}

// A stall is reported once for each dispatch, with its age. The next dispatch may stall again.
func TestStallIsReportedOnce(t *testing.T) {
	var a unit
	m := watch(10, 100, &a)
	a.run(1)
	m.visit(1)
	for now := int64(2); now < 400; now++ {
		m.visit(now)
	}
	require.Equal(t, []time.Duration{100}, a.stalls)
	require.Equal(t, a.now, a.stalledD[0])
	a.run(2)
	m.visit(400)
	m.visit(499)
	require.Len(t, a.stalls, 1)
	m.visit(650)
	m.visit(651)
	require.Equal(t, []time.Duration{100, 250}, a.stalls)
	a.busy = false
	m.visit(700)
	a.busy = true
	m.visit(900)
	require.Len(t, a.stalls, 2, "it was off meanwhile, as far as is known")
}

// If the quantum is longer than the limit for stalls, units that pass yield points are not
// reported: the limit counts from the moment when they were asked.
func TestLongQuantumIsNoStall(t *testing.T) {
	var a unit
	m := watch(1000, 100, &a)
	a.run(1)
	for now := int64(1); now < 5000; now++ {
		m.visit(now)
		if id := a.now.ID; a.flag.Asked(id) && now%40 == 0 { // 40 after it was asked, at most
			a.run(id + 1)
		}
	}
	require.Greater(t, a.now.ID, uint32(3))
	require.Empty(t, a.stalls)
}

func TestNoStallsWhenOff(t *testing.T) {
	var a unit
	m := watch(10, 0, &a)
	a.run(1)
	m.visit(1)
	m.visit(1 << 60)
	require.Empty(t, a.stalls)
}

// bubble runs a test with a monitor in fake time.
func bubble(t *testing.T, change func(c *Config), test func(t *testing.T, m *Monitor, ticks func() []time.Duration)) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var mu sync.Mutex
		var ticks []time.Duration
		looked := false // Tick is called twice in each round: note the first call
		cfg := Config{
			Quantum: time.Hour,
			Now:     func() int64 { looked = false; return int64(time.Since(start)) + 1 },
			Idle:    func() bool { return false },
			Tick:    func(int64) (int64, bool) { return 0, false },
		}
		change(&cfg)
		tick := cfg.Tick
		cfg.Tick = func(now int64) (int64, bool) {
			if !looked {
				looked = true
				mu.Lock()
				ticks = append(ticks, time.Since(start))
				mu.Unlock()
			}
			return tick(now)
		}
		m := NewMonitor(cfg)
		m.Start()
		test(t, m, func() []time.Duration {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(ticks)
		})
		m.Stop()
		m.Stop() // may be called twice
	})
}

// Pauses double from MinTick to MaxTick while there is nothing to do.
func TestBackOff(t *testing.T) {
	bubble(t, func(c *Config) {}, func(t *testing.T, m *Monitor, ticks func() []time.Duration) {
		time.Sleep(time.Second)
		synctest.Wait()
		at := ticks()
		pause := 2 * MinTick
		for i := 1; i < len(at); i++ {
			require.Equal(t, pause, at[i]-at[i-1], "pause %d", i)
			pause = min(2*pause, MaxTick)
		}
		require.Less(t, len(at), 115)
	})
}

// With a quantum shorter than MaxTick, pauses grow only to the quantum.
func TestBackOffStopsAtTheQuantum(t *testing.T) {
	bubble(t, func(c *Config) { c.Quantum = time.Millisecond }, func(t *testing.T, m *Monitor, ticks func() []time.Duration) {
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		at := ticks()
		require.Equal(t, time.Millisecond, at[len(at)-1]-at[len(at)-2])
	})
}

// Something to do brings the pause back to MinTick.
func TestBusyShortensThePause(t *testing.T) {
	n := 0
	bubble(t, func(c *Config) {
		c.Tick = func(int64) (int64, bool) { n++; return 0, n == 101 } // the first call of a round
	}, func(t *testing.T, m *Monitor, ticks func() []time.Duration) {
		time.Sleep(time.Second)
		synctest.Wait()
		at := ticks()
		require.Equal(t, MinTick, at[51]-at[50])
		require.Equal(t, 2*MinTick, at[52]-at[51])
	})
}

// A monitor with nothing to watch goes to sleep until Kick after idleTicks ticks, and a kick wakes
// it.
func TestSleepsWhenIdleUntilKicked(t *testing.T) {
	var idle atomic.Bool
	idle.Store(true)
	bubble(t, func(c *Config) { c.Idle = idle.Load }, func(t *testing.T, m *Monitor, ticks func() []time.Duration) {
		require.False(t, m.Asleep())
		time.Sleep(time.Hour)
		synctest.Wait()
		require.True(t, m.Asleep())
		require.Len(t, ticks(), idleTicks)
		idle.Store(false)
		m.Kick()
		m.Kick()
		synctest.Wait()
		require.False(t, m.Asleep())
		require.Greater(t, len(ticks()), idleTicks)
	})
}

// The monitor ticks at the time that Tick has named, whether or not it sleeps, and KickBefore
// brings the tick forward only if it would come too late.
func TestTicksInTime(t *testing.T) {
	var due atomic.Int64
	bubble(t, func(c *Config) {
		c.Idle = func() bool { return true }
		c.Tick = func(now int64) (int64, bool) {
			if d := due.Load(); d != 0 && d <= now {
				due.Store(0)
				return 0, true
			}
			return due.Load(), false
		}
	}, func(t *testing.T, m *Monitor, ticks func() []time.Duration) {
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.True(t, m.Asleep())

		at := int64(25 * time.Second)
		due.Store(at)
		m.KickBefore(at)
		synctest.Wait()
		require.False(t, m.Asleep(), "it was kicked")
		n := len(ticks())
		m.KickBefore(at + 1)
		synctest.Wait()
		require.Len(t, ticks(), n, "it is early enough already")
		time.Sleep(60 * time.Second)
		synctest.Wait()
		require.Contains(t, ticks(), time.Duration(at-1))
		require.True(t, m.Asleep())
	})
}

// If there is nothing to watch, the monitor is asleep also if Tick has named a time, which may be
// far away. A goroutine that makes a unit busy has to know that.
func TestAsleepUntilATimer(t *testing.T) {
	var idle atomic.Bool
	idle.Store(true)
	bubble(t, func(c *Config) {
		c.Idle = idle.Load
		c.Tick = func(now int64) (int64, bool) { return int64(time.Hour), false }
	}, func(t *testing.T, m *Monitor, ticks func() []time.Duration) {
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Len(t, ticks(), idleTicks)
		require.True(t, m.Asleep())
		idle.Store(false)
		m.Kick()
		synctest.Wait()
		require.False(t, m.Asleep())
		n := len(ticks())
		time.Sleep(2 * MaxTick)
		synctest.Wait()
		require.Greater(t, len(ticks()), n)
	})
}

// Kick-M2 sees what becomes due between Tick and the monitor's decision to sleep.
func TestNothingIsMissedOnTheWayToSleep(t *testing.T) {
	n := 0
	bubble(t, func(c *Config) {
		c.Idle = func() bool { return true }
		c.Tick = func(now int64) (int64, bool) {
			if n++; n == 2*idleTicks { // the second call of the round that would put it to sleep
				return now + int64(time.Second), false
			}
			return 0, false
		}
	}, func(t *testing.T, m *Monitor, ticks func() []time.Duration) {
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Greater(t, n, 2*idleTicks+2, "it went on")
	})
}

// A unit that is added later is watched from then on.
func TestWatchMore(t *testing.T) {
	var a, b unit
	m := watch(10, 0, &a)
	a.run(1)
	m.visit(1)
	m.Watch(&b)
	b.run(1)
	m.visit(6)
	m.visit(11)
	require.True(t, a.flag.Asked(1), "a is over its quantum")
	require.False(t, b.flag.Asked(1), "b is not")
	m.visit(16)
	require.True(t, b.flag.Asked(1))
}
