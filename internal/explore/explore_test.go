package explore

import (
	"errors"
	"fmt"
	"math/big"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// word is a shared word with a point before each access.
type word struct{ v int }

func (w *word) load() int     { Point("load"); return w.v }
func (w *word) store(v int)   { Point("store"); w.v = v }
func (w *word) add(d int) int { Point("add"); w.v += d; return w.v }

func lostUpdate(m *Model) {
	var n word
	for _, name := range []string{"a", "b"} {
		m.Thread(name, func() { n.store(n.load() + 1) })
	}
	m.Check(func() error {
		if n.v != 2 {
			return fmt.Errorf("n is %d after two increments", n.v)
		}
		return nil
	})
}

func TestLostUpdateIsFound(t *testing.T) {
	for _, mode := range []Mode{DFS, Uniform, PCT} {
		stats, failure := Check(Config{Mode: mode, Preemptions: 1, Seed: 1}, lostUpdate)
		require.NotNil(t, failure, "mode %d", mode)
		require.Equal(t, CheckFailed, failure.Kind)
		require.Contains(t, failure.Error(), "n is 1 after two increments")
		require.Contains(t, failure.Error(), "explore_test.go:")
		require.False(t, stats.Complete)
	}
}

func TestLostUpdateNeedsAPreemption(t *testing.T) {
	stats, failure := Check(Config{Preemptions: 0}, lostUpdate)
	require.Nil(t, failure)
	require.Equal(t, 2, stats.Schedules)
	require.True(t, stats.Complete)
}

func TestAtomicAddLosesNothing(t *testing.T) {
	Run(t, Config{Preemptions: Unbounded}, func(m *Model) {
		var n word
		for i := range 3 {
			m.Thread(fmt.Sprint(i), func() { n.add(1); n.add(1) })
		}
		m.Check(func() error {
			if n.v != 6 {
				return fmt.Errorf("n is %d", n.v)
			}
			return nil
		})
	})
}

func TestReplayReproduces(t *testing.T) {
	_, failure := Check(Config{Preemptions: 1}, lostUpdate)
	require.NotNil(t, failure)

	parsed, err := ParseSchedule(failure.Schedule.String())
	require.NoError(t, err)
	require.Equal(t, failure.Schedule, parsed)
	again := Replay(parsed, lostUpdate)
	require.Equal(t, failure, again)

	pinned, err := ParseSchedule("0x2 1x3 0")
	require.NoError(t, err)
	require.NotNil(t, Replay(pinned, lostUpdate), "a loads, b increments, a stores")
	sequential, err := ParseSchedule("0x3 1x3")
	require.NoError(t, err)
	require.Nil(t, Replay(sequential, lostUpdate))
	require.Nil(t, Replay(nil, lostUpdate), "the rest of a schedule has no preemptions")
}

func TestReplayOfAForeignScheduleDiverges(t *testing.T) {
	failure := Replay(Schedule{0, 7}, lostUpdate)
	require.NotNil(t, failure)
	require.Equal(t, Diverged, failure.Kind)
}

// lockByFlags is mutual exclusion by two flags. It is right if each thread raises its own flag
// before it looks at the other's.
func lockByFlags(lookFirst bool) func(*Model) {
	return func(m *Model) {
		var flags [2]word
		var inside, entered word
		for i := range flags {
			m.Thread(fmt.Sprint(i), func() {
				if lookFirst {
					if flags[1-i].load() != 0 {
						return
					}
					flags[i].store(1)
				} else {
					flags[i].store(1)
					if flags[1-i].load() != 0 {
						return
					}
				}
				if inside.add(1) != 1 {
					Failf("both are inside")
				}
				entered.add(1)
				inside.add(-1)
				flags[i].store(0)
			})
		}
	}
}

func TestStoreBufferLock(t *testing.T) {
	Run(t, Config{Preemptions: Unbounded}, lockByFlags(false))

	_, failure := Check(Config{Preemptions: 2}, lockByFlags(true))
	require.NotNil(t, failure)
	require.Equal(t, AssertFailed, failure.Kind)
	require.Contains(t, failure.Message, "both are inside")
	require.NotNil(t, Replay(failure.Schedule, lockByFlags(true)))
	require.Nil(t, Replay(nil, lockByFlags(false)))
}

// mutex is a lock for models.
type mutex struct{ held bool }

func (m *mutex) lock() {
	Block("lock", func() bool { return !m.held })
	m.held = true
}
func (m *mutex) unlock() { Point("unlock"); m.held = false }

func twoLocks(sameOrder bool) func(*Model) {
	return func(m *Model) {
		var a, b mutex
		m.Thread("ab", func() { a.lock(); b.lock(); b.unlock(); a.unlock() })
		m.Thread("ba", func() {
			first, second := &b, &a
			if sameOrder {
				first, second = &a, &b
			}
			first.lock()
			second.lock()
			second.unlock()
			first.unlock()
		})
	}
}

func TestDeadlockIsFound(t *testing.T) {
	Run(t, Config{Preemptions: Unbounded}, twoLocks(true))

	_, failure := Check(Config{Preemptions: 1}, twoLocks(false))
	require.NotNil(t, failure)
	require.Equal(t, Deadlock, failure.Kind)
	require.Contains(t, failure.Message, "ab in lock")
	require.Contains(t, failure.Message, "ba in lock")
	require.Equal(t, Deadlock, Replay(failure.Schedule, twoLocks(false)).Kind)
}

func TestBlockReturnsWithTheConditionHolding(t *testing.T) {
	Run(t, Config{Preemptions: Unbounded}, func(m *Model) {
		tokens := 0
		for i := range 2 {
			m.Thread(fmt.Sprint("taker", i), func() {
				Block("take", func() bool { return tokens > 0 })
				if tokens == 0 {
					Failf("taken by another in between")
				}
				tokens--
			})
		}
		m.Thread("giver", func() {
			for range 2 {
				Point("give")
				tokens++
			}
		})
	})
}

func TestSchedulesAreCounted(t *testing.T) {
	points := func(counts ...int) func(*Model) {
		return func(m *Model) {
			for _, n := range counts {
				m.Thread("", func() {
					for range n {
						Point("")
					}
				})
			}
		}
	}
	for _, c := range []struct {
		preemptions int
		points      []int
		want        int
	}{
		{Unbounded, []int{0}, 1},
		// n points make n+1 turns.
		{Unbounded, []int{2, 2}, int(new(big.Int).Binomial(6, 3).Int64())},
		{Unbounded, []int{4, 3}, int(new(big.Int).Binomial(9, 4).Int64())},
		{Unbounded, []int{1, 1, 1}, 90}, // 6! / (2! 2! 2!)
		{0, []int{2, 2}, 2},
		{0, []int{5, 5, 5}, 6},
		// There are 2 schedules without a preemption, and 2 more for each, in which the first
		// thread is interrupted after its first or second turn.
		{1, []int{2, 2}, 6},
	} {
		stats := Run(t, Config{Preemptions: c.preemptions}, points(c.points...))
		require.Equal(t, c.want, stats.Schedules, "%+v", c)
		require.True(t, stats.Complete)
	}
}

func TestEverySequentialOutcomeIsReached(t *testing.T) {
	type outcome struct{ r0, r1 int }
	seen := map[outcome]bool{}
	Run(t, Config{Preemptions: Unbounded}, func(m *Model) {
		var x, y word
		var o outcome
		m.Thread("0", func() { x.store(1); o.r0 = y.load() })
		m.Thread("1", func() { y.store(1); o.r1 = x.load() })
		m.Check(func() error { seen[o] = true; return nil })
	})
	require.Equal(t, map[outcome]bool{{0, 1}: true, {1, 0}: true, {1, 1}: true}, seen, "sequential consistency forbids 0, 0 only")
}

func TestSpinningWithYieldEnds(t *testing.T) {
	Run(t, Config{Preemptions: 2}, func(m *Model) {
		var ready word
		for i := range 2 {
			m.Thread(fmt.Sprint("waiter", i), func() {
				for ready.load() == 0 {
					Yield("spin")
				}
			})
		}
		m.Thread("setter", func() { Point("work"); Point("work"); ready.store(1) })
	})
}

func TestLivelockIsFound(t *testing.T) {
	_, failure := Check(Config{MaxSteps: 100}, func(m *Model) {
		for _, name := range []string{"a", "b"} {
			m.Thread(name, func() {
				for {
					Yield("spin")
				}
			})
		}
	})
	require.NotNil(t, failure)
	require.Equal(t, TooLong, failure.Kind)
	require.Len(t, failure.Schedule, 100)
}

func TestPanicIsReportedWithItsStack(t *testing.T) {
	_, failure := Check(Config{}, func(m *Model) {
		m.Thread("careless", func() { Point("x"); panic("oh") })
		m.Thread("other", func() { Point("y") })
	})
	require.NotNil(t, failure)
	require.Equal(t, Panicked, failure.Kind)
	require.Contains(t, failure.Message, "careless: panic: oh")
	require.Contains(t, failure.Message, "TestPanicIsReportedWithItsStack")
}

func TestUnwindingRunsDeferredCallsAndIgnoresRecover(t *testing.T) {
	var deferred int
	_, failure := Check(Config{}, func(m *Model) {
		deferred = 0
		m.Thread("stubborn", func() {
			defer func() {
				deferred++
				Point("in a deferred call")
			}()
			func() {
				defer func() { _ = recover() }()
				Block("for ever", func() bool { return false })
			}()
			t.Error("went on after the failure")
		})
		m.Thread("failing", func() { Failf("on purpose") })
		m.Thread("not started", func() { t.Error("started after the failure") })
	})
	require.NotNil(t, failure)
	require.Equal(t, AssertFailed, failure.Kind)
	require.Equal(t, 1, deferred)
}

func TestGoexitEndsAThread(t *testing.T) {
	Run(t, Config{Preemptions: 1}, func(m *Model) {
		m.Thread("a", func() { Point("x"); runtime.Goexit() })
		m.Thread("b", func() { Point("y") })
	})
}

func TestNondeterminismIsFound(t *testing.T) {
	runs := 0
	_, failure := Check(Config{Preemptions: 2}, func(m *Model) {
		runs++
		for i := range 1 + runs%2 {
			m.Thread(fmt.Sprint(i), func() { Point("x") })
		}
		m.Thread("last", func() { Point("x") })
	})
	require.NotNil(t, failure)
	require.Equal(t, Diverged, failure.Kind)

	n := 0
	_, failure = Check(Config{}, func(m *Model) {
		n++
		first := n == 1
		m.Thread("a", func() {})
		m.Check(func() error {
			if first {
				return errors.New("only this time")
			}
			return nil
		})
	})
	require.Contains(t, failure.Message, "not deterministic")
}

func TestSameSeedSameSchedules(t *testing.T) {
	for _, mode := range []Mode{Uniform, PCT} {
		var runs [2][]int
		for i := range runs {
			Run(t, Config{Mode: mode, Seed: 42, MaxSchedules: 50}, func(m *Model) {
				for id := range 3 {
					m.Thread(fmt.Sprint(id), func() {
						for range 5 {
							Point("x")
							runs[i] = append(runs[i], id)
						}
					})
				}
			})
		}
		require.Equal(t, runs[0], runs[1])
		require.Len(t, runs[0], 50*15)
	}
}

// The bug shows only if one thread is held up while another passes many points. PCT is made for
// this.
func TestPCTHoldsAThreadUp(t *testing.T) {
	_, failure := Check(Config{Mode: PCT, Seed: 1, Changes: 1}, func(m *Model) {
		var n word
		m.Thread("slow", func() {
			before := n.load()
			if n.load()-before >= 40 {
				Failf("held up")
			}
		})
		m.Thread("busy", func() {
			for range 40 {
				n.add(1)
			}
		})
	})
	require.NotNil(t, failure)
}

// recorder stands in for a test that Run ends.
type recorder struct{ fatal string }

func (r *recorder) Helper()             {}
func (r *recorder) Logf(string, ...any) {}
func (r *recorder) Fatalf(format string, args ...any) {
	r.fatal = fmt.Sprintf(format, args...)
	panic(r)
}

func TestRunFailsTheTest(t *testing.T) {
	var r recorder
	require.Panics(t, func() { Run(&r, Config{Preemptions: 1}, lostUpdate) })
	require.Contains(t, r.fatal, `schedule "0`)

	require.Panics(t, func() { Run(&r, Config{Preemptions: Unbounded, MaxSchedules: 5}, lockByFlags(false)) })
	require.Contains(t, r.fatal, "5 schedules were not enough")
}

func TestPointsDoNothingOutside(t *testing.T) {
	Point("x")
	Yield("x")
	Block("x", func() bool { return false })
	require.Panics(t, func() { Failf("x") })
}

func TestParseScheduleErrors(t *testing.T) {
	for _, text := range []string{"x", "-1", "1x", "1x0", "64", "0 1y2"} {
		_, err := ParseSchedule(text)
		require.Error(t, err, text)
	}
	s, err := ParseSchedule("  ")
	require.NoError(t, err)
	require.Empty(t, s)
}

func TestLongTraceIsCut(t *testing.T) {
	f := Failure{Kind: TooLong, Trace: make([]Step, 500)}
	require.Contains(t, f.Error(), "... 100 steps")
	require.Equal(t, 402, strings.Count(f.Error(), "\n"))
	require.Equal(t, "Kind(99)", Kind(99).String())
}

// A thread that polls until another has gone on, without a Yield, runs for ever. With Patience the
// other thread gets a turn.
func TestPatience(t *testing.T) {
	spin := func(m *Model) {
		set := false
		m.Thread("spins", func() {
			for !set {
				Point("look")
			}
		})
		m.Thread("sets", func() {
			Point("set")
			set = true
		})
	}
	_, failure := Check(Config{MaxSteps: 1000}, spin)
	require.NotNil(t, failure)
	require.Equal(t, TooLong, failure.Kind)
	Run(t, Config{MaxSteps: 1000, Patience: 10, Preemptions: 2}, spin)
	Run(t, Config{MaxSteps: 1000, Patience: 10, Mode: PCT}, spin)
}

// A thread that becomes known after the beginning may get any place among the others.
func TestPrioritiesOfLateThreads(t *testing.T) {
	s := NewPriorities(1, 0)
	first := map[int]int{}
	for range 300 {
		s.Begin(1)
		s.Choose([]int{0}, true, 0)
		i, diverged := s.Choose([]int{0, 1, 2}, true, 1)
		require.Empty(t, diverged)
		first[i]++
		s.Next(2)
	}
	for i := range 3 {
		require.Greater(t, first[i], 50, "%v", first)
	}
}
