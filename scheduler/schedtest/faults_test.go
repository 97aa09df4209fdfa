package schedtest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// faulty has programs that fail only if a fault comes.
var faulty = []struct {
	name   string
	faults Faults
	kind   kind
	shown  string
	body   func(c *task.Ctx)
}{
	{"cancel", Faults{Cancel: []string{"worker"}}, deadlock, "cancels worker", func(c *task.Ctx) {
		var done tsync.Event
		c.Go(func(c *task.Ctx) {
			if c.Sleep(time.Second) == nil {
				done.Set()
			}
		}, task.Name("worker"))
		done.Wait()
	}},
	{"cancel main", Faults{Cancel: []string{"main"}}, assertionFailed, "cancels main", func(c *task.Ctx) {
		require.NoError(TOf(c), c.Sleep(time.Second))
	}},
	{"delay", Faults{Delay: time.Minute}, assertionFailed, "for 1m0s", func(c *task.Ctx) {
		ch := tsync.NewChan[int](1)
		c.Go(func(c *task.Ctx) {
			_ = c.Sleep(time.Second)
			_ = ch.Send(c, 1)
		}, task.Name("worker"))
		ctx, cancel := task.WithTimeout(c, 10*time.Second)
		defer cancel()
		_, _, err := ch.Recv(ctx)
		require.NoError(TOf(c), err)
	}},
	{"jump", Faults{Jump: time.Hour}, assertionFailed, "time jumps by 1h0m0s", func(c *task.Ctx) {
		ctx, cancel := task.WithTimeout(c, time.Minute)
		defer cancel()
		c.Checkpoint()
		require.NoError(TOf(c), context.Cause(ctx))
	}},
	{"queue full", Faults{QueueFull: true}, assertionFailed, "queue full", func(c *task.Ctx) {
		ran := 0
		for range 3 {
			_ = Scheduler(c).Go(func(*task.Ctx) { ran++ }).Wait()
		}
		require.Equal(TOf(c), 3, ran)
	}},
}

// Random and depth-first search find faults. A fault is part of the schedule, and the report shows
// it.
func TestFaults(t *testing.T) {
	for _, x := range testkit.Part(faulty) {
		t.Run(x.name, func(t *testing.T) {
			for k, cfg := range []Config{{}, {Mode: Random, Seed: 3}, {Mode: PCT}, {Mode: DepthFirst}} {
				sound := cfg
				if testing.Short() {
					sound.Schedules = 100 // without a fault, the search goes through all of them
				}
				r, y := hunt(t, sound.complete(x.body))
				require.Nil(t, r.failed)
				require.Nil(t, y, "without a fault")

				cfg.Faults = x.faults
				c := cfg.complete(x.body)
				_, y = hunt(t, c)
				require.NotNil(t, y)
				require.Equal(t, x.kind, y.fail.kind, y.fail.message)
				require.Equal(t, 1, y.suffered)
				if k > 0 {
					continue
				}
				f := explain(t, c, y)
				require.Equal(t, x.kind, f.kind, f.message)
				require.Contains(t, table(f.steps), x.shown)
				s, err := parseSchedule(f.schedule)
				require.NoError(t, err)
				for range 5 {
					z := again(t, Config{}.complete(x.body), s, true, true)
					require.NotNil(t, z.fail)
					require.Equal(t, f.message, z.fail.message)
					require.Equal(t, f.steps, z.trace)
				}
			}
		})
	}
}

// No more faults come than Most says. If Most is 0, at most one comes.
func TestMostFaults(t *testing.T) {
	for most := range 4 {
		worst := 0
		Run(t, Config{Mode: DepthFirst, Faults: Faults{Jump: time.Hour, Most: most}}, func(c *task.Ctx) {
			begin := time.Now()
			for range 4 {
				c.Checkpoint()
			}
			worst = max(worst, int(time.Since(begin)/time.Hour))
		})
		require.Equal(t, max(most, 1), worst)
	}
}

func TestFaultsAreChecked(t *testing.T) {
	for want, f := range map[string]Faults{
		"schedtest: Config.Faults.Delay is -1s: want 0 (none) or more":    {Delay: -time.Second},
		"schedtest: Config.Faults.Jump is -1s: want 0 (none) or more":     {Jump: -time.Second},
		"schedtest: Config.Faults.Most is -1: want 1 or more, or 0 for 1": {Most: -1},
	} {
		require.PanicsWithValue(t, want, func() { Config{Faults: f}.complete(nil) })
	}
}
