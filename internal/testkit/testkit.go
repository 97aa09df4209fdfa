// Package testkit is what the tests of several packages share: how they wait for a condition, how
// much they do where time is dear, and whether the race detector is on. Only tests import it.
package testkit

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/heddle-go/heddle/internal/selfexec"
)

// Patience is how long something may take before a test calls it hung. No test waits for it to
// pass.
const Patience = 5 * time.Minute

// Spin waits until cond holds, and gives way to other goroutines in between. It takes no time from
// a clock, so it works in a synctest bubble, and a task that calls it keeps its worker. It waits
// without bound: a test that hangs here is ended by its own limit or that of go test.
func Spin(cond func() bool) {
	for !cond() {
		runtime.Gosched()
	}
}

// Until waits until cond, which others bring about, holds. It calls cond on the caller's goroutine,
// soon at first and then about every millisecond. If cond does not hold for all the Patience, Until
// ends the process by Hangs.
func Until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	pause := 10 * time.Microsecond
	for begin := time.Now(); !cond(); {
		if time.Since(begin) > Patience {
			Hangs(t, what)
		}
		runtime.Gosched()
		time.Sleep(pause) // nothing depends on its length
		pause = min(2*pause, time.Millisecond)
	}
}

// Hangs reports that the test hangs in what, with the stacks of all goroutines, and ends the
// process. A failure of the test alone would not do, because a hung scheduler hangs its Cleanup.
func Hangs(t testing.TB, what string) {
	buf := make([]byte, 1<<20)
	fmt.Fprintf(os.Stderr, "--- FAIL: %s: %s hangs\n%s\n", t.Name(), what, buf[:runtime.Stack(buf, true)])
	os.Exit(1)
}

// A Scale says by how much a package's tests do less where time is dear.
type Scale struct {
	Race, Short, Emulated int // divisors, 1 or more
	Least                 int // what is done at the least
}

// Of returns how much of n to do: it divides n under the race detector, with -short and under an
// emulator.
func (s Scale) Of(n int) int { return s.of(n, Race, testing.Short(), selfexec.Emulated()) }

func (s Scale) of(n int, race, short, emulated bool) int {
	for _, by := range []struct {
		on      bool
		divisor int
	}{{race, s.Race}, {short, s.Short}, {emulated, s.Emulated}} {
		if by.on {
			n /= by.divisor
		}
	}
	return max(n, s.Least)
}
