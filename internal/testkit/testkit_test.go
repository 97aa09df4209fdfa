package testkit

import (
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heddle-go/heddle/internal/selfexec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSpin(t *testing.T) {
	calls := 0
	Spin(func() bool { calls++; return calls == 3 })
	require.Equal(t, 3, calls)
	var set atomic.Bool
	go set.Store(true)
	Spin(set.Load)
}

// slow means that the 300,000 pauses of a Patience take 10 s instead of 1 s.
var slow = selfexec.Emulated()

// Until asks at once, often at first, and then every millisecond.
func TestUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		begin := time.Now()
		Until(t, "ten", func() bool {
			at = append(at, time.Since(begin))
			return len(at) == 10
		})
		const us = time.Microsecond
		require.Equal(t, []time.Duration{
			0, 10 * us, 30 * us, 70 * us, 150 * us, 310 * us, 630 * us, 1270 * us, 2270 * us, 3270 * us,
		}, at)
		if !slow {
			Until(t, "a condition that comes late", func() bool { return time.Since(begin) > Patience-time.Second })
		}
	})
}

// In the bubble of a process of its own, the Patience is over at once.
func TestUntilHangs(t *testing.T) {
	if slow {
		t.Skip("the Patience has 300,000 pauses")
	}
	const child = "HEDDLE_TESTKIT_HANGS"
	if os.Getenv(child) != "" {
		synctest.Test(t, func(t *testing.T) {
			Until(t, "something that never comes", func() bool { return false })
		})
		return
	}
	cmd := selfexec.Command(t.Context(), "-test.run=^TestUntilHangs$")
	cmd.Env = append(os.Environ(), child+"=yes")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 1, exit.ExitCode())
	require.Contains(t, string(out), "--- FAIL: TestUntilHangs: something that never comes hangs\n")
	require.Contains(t, string(out), "testkit.TestUntilHangs", "the stacks")
}

func TestScale(t *testing.T) {
	s := Scale{Race: 10, Short: 4, Emulated: 2, Least: 3}
	require.Equal(t, 800, s.of(800, false, false, false))
	require.Equal(t, 80, s.of(800, true, false, false))
	require.Equal(t, 200, s.of(800, false, true, false))
	require.Equal(t, 400, s.of(800, false, false, true))
	require.Equal(t, 10, s.of(800, true, true, true))
	require.Equal(t, 3, s.of(100, true, true, true))
	require.Equal(t, 3, s.of(1, false, false, false))
	require.Equal(t, s.of(800, Race, testing.Short(), selfexec.Emulated()), s.Of(800))
}

// Each case is in one of the halves, for the numbers of CPUs of step race.
func TestPart(t *testing.T) {
	var xs, all []int
	for i := range 10 {
		xs = append(xs, i)
	}
	require.Equal(t, xs, part(xs, false, 2))
	for _, procs := range []int{1, 4} {
		half := part(xs, true, procs)
		require.Len(t, half, len(xs)/2)
		all = append(all, half...)
	}
	require.ElementsMatch(t, xs, all)
}
