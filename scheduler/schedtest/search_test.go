package schedtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// lostUpdate reads a number and writes it back in two critical sections instead of one.
func lostUpdate(c *task.Ctx) {
	n := 0
	var mu tsync.Mutex
	var wg tsync.WaitGroup
	for range 2 {
		wg.Go(func() {
			mu.Lock()
			v := n
			mu.Unlock()
			mu.Lock()
			n = v + 1
			mu.Unlock()
		})
	}
	wg.Wait()
	require.Equal(TOf(c), 2, n)
}

// philosophers take the fork on the left and then the one on the right.
func philosophers(c *task.Ctx) {
	var fork [3]tsync.Mutex
	for i := range fork {
		c.Go(func(c *task.Ctx) {
			left, right := &fork[i], &fork[(i+1)%3]
			left.Lock()
			defer left.Unlock()
			right.Lock()
			defer right.Unlock()
		}, task.Name(fmt.Sprint("philosopher ", i)))
	}
}

// find returns the failure that a search finds. If the search finds none, the test fails.
func find(t *testing.T, cfg Config, body func(c *task.Ctx)) *failure {
	t.Helper()
	r := search(t, cfg.complete(body))
	require.NotNil(t, r.failed, "no schedule of %d has failed", r.schedules)
	require.False(t, t.Failed())
	return r.failed
}

// Every mode finds a lost update, and the schedule replays.
func TestModesFindALostUpdate(t *testing.T) {
	for _, cfg := range testkit.Part([]Config{
		{}, {Mode: PCT, Depth: 2}, {Mode: DepthFirst, Preemptions: 1},
		{Mode: Random}, {Mode: PCT}, {Mode: DepthFirst, Preemptions: Unbounded},
	}) {
		f := find(t, cfg, lostUpdate)
		require.Equal(t, assertionFailed, f.kind)
		require.Contains(t, f.message, "expected: 2")
		s, err := parseSchedule(f.schedule)
		require.NoError(t, err)
		for range 20 {
			x := again(t, Config{}.complete(lostUpdate), s, true, true)
			require.NotNil(t, x.fail)
			require.Equal(t, f.message, x.fail.message)
			require.Equal(t, f.steps, x.trace)
		}
	}
	r := search(t, Config{Mode: DepthFirst}.complete(lostUpdate))
	require.True(t, r.complete)
	require.Nil(t, r.failed, "without a preemption nothing is lost")
}

// The schedule that is reported has no more preemptions than the bug needs.
func TestShrink(t *testing.T) {
	seeds := 20
	if testing.Short() {
		seeds = 4
	}
	for seed := range uint64(seeds) {
		cfg := Config{Mode: Random, Seed: seed}.complete(lostUpdate)
		r := search(t, cfg)
		require.NotNil(t, r.failed)
		s, err := parseSchedule(r.failed.schedule)
		require.NoError(t, err)
		require.Equal(t, 1, again(t, cfg, s, true, false).preemptions, "seed %d", seed)
		require.Less(t, len(r.failed.steps), 25)
	}
}

// Run reports a body that is not deterministic.
func TestNotDeterministic(t *testing.T) {
	runs := 0
	f := find(t, Config{}, func(c *task.Ctx) {
		runs++
		for range runs {
			c.Checkpoint()
		}
		TOf(c).Errorf("always")
	})
	require.Equal(t, notDeterministic, f.kind)
	require.Contains(t, f.message, "ranging over a map")

	runs = 0
	f = find(t, Config{}, func(c *task.Ctx) {
		if runs++; runs == 2 {
			c.Checkpoint()
		}
	})
	require.Equal(t, notDeterministic, f.kind)
	require.Contains(t, f.message, "two runs, one of 1 steps and one of 2")

	runs = 0
	f = find(t, Config{}, func(c *task.Ctx) {
		if runs++; runs == 2 {
			TOf(c).Errorf("second")
		}
	})
	require.Equal(t, notDeterministic, f.kind)
	require.Contains(t, f.message, "has not failed, and then has")

	runs = 0
	f = find(t, Config{}, func(c *task.Ctx) {
		if runs++; runs == 4 {
			TOf(c).Errorf("once")
		}
	})
	require.Equal(t, notDeterministic, f.kind)
	require.Contains(t, f.message, "has failed, and then has not")

	runs = 0
	f = find(t, Config{Mode: DepthFirst, Preemptions: 2}, func(c *task.Ctx) {
		runs++
		for range 1 + runs%3 {
			c.Go(func(c *task.Ctx) {})
		}
	})
	require.Equal(t, notDeterministic, f.kind)
}

// A body may use random numbers of Rand: it stays deterministic, and a replay has the same numbers.
func TestRand(t *testing.T) {
	body := func(c *task.Ctx) {
		for range Rand(c).IntN(10) {
			c.Checkpoint()
		}
		if Rand(c).IntN(8) == 0 {
			TOf(c).Errorf("%d", Rand(c).Uint64())
		}
	}
	f := find(t, Config{}, body)
	require.Equal(t, assertionFailed, f.kind)
	s, err := parseSchedule(f.schedule)
	require.NoError(t, err)
	require.Equal(t, f.message, again(t, Config{}.complete(body), s, true, false).fail.message)
}

// Depth-first search runs as many schedules as there are orders of the turns, counted here by hand.
//
// Main has three turns: m1, in which it starts A, m2, in which it starts B, and m3. m1 is first. m2
// comes before m3 and before B's turns. If A and B have one turn each, there are two orders without
// A, m2 m3 B and m2 B m3. In each of them A can come at 4 places, which makes 8. If A and B have
// two turns each, there are 3 orders without A: m2 is first, and m3 has 3 places among the two
// turns of B. In each of them A's two turns can come at 15 pairs of places, which makes 45.
//
// With at most one preemption and one turn each, there are 7: all but m1 A m2 B m3. Without a
// preemption, main runs to its end, and 2 are left: A B and B A.
func TestDepthFirstCounts(t *testing.T) {
	body := func(points int) func(c *task.Ctx) {
		child := func(c *task.Ctx) {
			for range points {
				c.Checkpoint()
			}
		}
		return func(c *task.Ctx) {
			c.Go(child)
			c.Go(child)
		}
	}
	for _, x := range []struct{ points, preemptions, want int }{
		{0, Unbounded, 8}, {1, Unbounded, 45}, {0, 2, 8}, {0, 1, 7}, {0, 0, 2}, {1, 0, 2},
	} {
		r := search(t, Config{Mode: DepthFirst, Preemptions: x.preemptions}.complete(body(x.points)))
		require.Nil(t, r.failed)
		require.True(t, r.complete)
		require.Equal(t, x.want, r.schedules, "%+v", x)
	}
	// Picks are choices too.
	picked := map[int]int{}
	r := search(t, Config{Mode: DepthFirst}.complete(func(c *task.Ctx) { picked[3*Pick(c, 4)+Pick(c, 3)]++ }))
	require.True(t, r.complete)
	require.Equal(t, 12, r.schedules)
	require.Len(t, picked, 12)
}

// Each case of a Select that can go on is chosen in some schedule.
func TestSelectIsPartOfTheSchedule(t *testing.T) {
	seen := map[int]int{}
	Run(t, Config{Mode: DepthFirst}, func(c *task.Ctx) {
		a, b, never := tsync.NewChan[int](1), tsync.NewChan[int](1), tsync.NewChan[int](0)
		a.TrySend(1)
		b.TrySend(2)
		cases := []tsync.Case{never.RecvCase(), a.RecvCase(), b.RecvCase()}
		chosen, err := tsync.Select(c, cases...)
		require.NoError(TOf(c), err)
		for i, x := range cases {
			if x == chosen {
				seen[i]++
			}
		}
	})
	require.NotContains(t, seen, 0)
	require.Contains(t, seen, 1)
	require.Contains(t, seen, 2)
}

// A schedule is the same on all architectures, with and without the race detector, in all
// versions that write v1.
func TestSchedulesOfOtherMachines(t *testing.T) {
	for _, x := range []struct {
		schedule, message string
		steps             int
		body              func(c *task.Ctx)
	}{
		{"v1:D5BOAAAAAAAHAQdL", "expected: 2", 19, lostUpdate},
		{"v1:F5BOAAAAAAAFAgIBchM", "which philosopher", 13, philosophers},
		{"v1:ApBOAQCAwOKF42gAAAEBCfs", "deadline exceeded", 2, func(c *task.Ctx) {
			ctx, cancel := task.WithTimeout(c, time.Minute)
			defer cancel()
			c.Checkpoint()
			require.NoError(TOf(c), context.Cause(ctx))
		}},
	} {
		s, err := parseSchedule(x.schedule)
		require.NoError(t, err)
		y := again(t, Config{}.complete(x.body), s, true, true)
		require.NotNil(t, y.fail)
		require.Contains(t, y.fail.message, x.message)
		require.Equal(t, x.steps, y.steps)
	}
}
