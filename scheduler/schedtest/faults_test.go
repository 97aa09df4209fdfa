package schedtest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// A fault is found in the random modes and in depth-first search, is part of the schedule, and
// shown in the report.
func TestFaults(t *testing.T) {
	for _, x := range []struct {
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
	} {
		t.Run(x.name, func(t *testing.T) {
			for _, cfg := range []Config{{}, {Mode: Random, Seed: 3}, {Mode: PCT}, {Mode: DepthFirst}} {
				r := search(t, cfg.complete(x.body))
				require.Nil(t, r.failed, "without a fault")

				cfg.Faults = x.faults
				f := find(t, cfg, x.body)
				require.Equal(t, x.kind, f.kind, "%s", f.message)
				require.Contains(t, table(f.steps), x.shown)
				s, err := parseSchedule(f.schedule)
				require.NoError(t, err)
				for range 5 {
					y := again(t, Config{}.complete(x.body), s, true, true)
					require.NotNil(t, y.fail)
					require.Equal(t, f.message, y.fail.message)
					require.Equal(t, f.steps, y.trace)
				}
			}
		})
	}
}

// No more faults come than Most says, and one if it says nothing.
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
