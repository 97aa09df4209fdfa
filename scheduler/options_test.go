package scheduler_test

import (
	"log/slog"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A bad option comes back from New, with its name, value and range; no goroutine is
// left.
func TestBadOptions(t *testing.T) {
	for want, o := range map[string]scheduler.Option{
		"WithWorkers(0): want 1 to 1024":                                        scheduler.WithWorkers(0),
		"WithWorkers(-1): want 1 to 1024":                                       scheduler.WithWorkers(-1),
		"WithWorkers(1025): want 1 to 1024":                                     scheduler.WithWorkers(1025),
		"WithPinning(4): want Threads (0), CPUs (1), Fixed (2) or None (3)":     scheduler.WithPinning(4),
		"WithQuantum(99.999µs): want 100µs to 10s":                              scheduler.WithQuantum(scheduler.MinQuantum - 1),
		"WithQuantum(10.000000001s): want 100µs to 10s":                         scheduler.WithQuantum(scheduler.MaxQuantum + 1),
		"WithQuantum(0s): want 100µs to 10s":                                    scheduler.WithQuantum(0),
		"WithStallAfter(-1ns): want 0 (off) or more":                            scheduler.WithStallAfter(-1),
		"WithStallHandler(nil): want a function; leave the option out for none": scheduler.WithStallHandler(nil),
		"WithPanicHandler(nil): want a function; leave the option out for none": scheduler.WithPanicHandler(nil),
		"WithLogger(nil): want a logger; leave the option out for slog.Default": scheduler.WithLogger(nil),
		"option 1 is nil": nil,
	} {
		s, err := scheduler.New(scheduler.WithWorkers(1), o)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "scheduler: ")
		require.Nil(t, s)
	}
}

// The ends of all ranges are allowed, and the defaults are what is documented.
func TestGoodOptions(t *testing.T) {
	many := scheduler.MaxWorkers
	if testkit.Race {
		many /= 8 // each looks at all others, which takes a minute with the detector
	}
	for _, o := range []scheduler.Option{
		scheduler.WithWorkers(1), scheduler.WithWorkers(many),
		scheduler.WithPinning(scheduler.Threads), scheduler.WithPinning(scheduler.Fixed), scheduler.WithPinning(scheduler.None),
		scheduler.WithQuantum(scheduler.MinQuantum), scheduler.WithQuantum(scheduler.MaxQuantum),
		scheduler.WithStallAfter(0), scheduler.WithStallAfter(1 << 62),
		scheduler.WithLogger(slog.Default()),
	} {
		s, err := scheduler.New(o)
		require.NoError(t, err)
		require.NoError(t, s.Go(func(*task.Ctx) {}).Wait())
		require.NoError(t, s.Close())
	}
	s, err := scheduler.New()
	require.NoError(t, err)
	defer s.Close()
	require.Equal(t, runtime.GOMAXPROCS(0), s.Workers())
}
