// Package testkit has what the tests of several packages share: ways to wait for a condition, how
// much to do when tests are slow, and whether the race detector is on. Only tests import it.
package testkit

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/heddle-go/heddle/internal/selfexec"
)

// Patience is how long a test waits for something before it reports that it hangs. A test that
// passes does not wait that long.
const Patience = 5 * time.Minute

// Spin waits until cond holds, and gives way to other goroutines in between. It uses no clock, so
// it works in a synctest bubble. A task that calls it keeps its worker. Spin waits without bound,
// so only the limit of the test or of go test ends a test that hangs in it.
func Spin(cond func() bool) {
	for !cond() {
		runtime.Gosched()
	}
}

// Until waits until cond holds. It calls cond on the caller's goroutine, at short intervals first
// and then about every millisecond. If cond does not hold within Patience, Until ends the process
// by Hangs.
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

// Finish calls f on another goroutine and waits for it. If f takes longer than Patience, Finish
// ends the process by Hangs.
func Finish(t testing.TB, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(Patience):
		Hangs(t, what)
	}
}

// Hangs reports that the test hangs in what, with the stacks of all goroutines, and ends the
// process. A failure of the test alone would not do, because a hung scheduler hangs its Cleanup.
func Hangs(t testing.TB, what string) {
	buf := make([]byte, 1<<20)
	fmt.Fprintf(os.Stderr, "--- FAIL: %s: %s hangs\n%s\n", t.Name(), what, buf[:runtime.Stack(buf, true)])
	os.Exit(1)
}

// A Scale says how much less a package's tests do when they are slow.
type Scale struct {
	Race, Short, Emulated int // divisors, 1 or more
	Least                 int // the least result of Of
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

// Part returns the part of xs to test. With the race detector and -short, that is one half of them
// with one CPU and the other half with more, because -cpu 1,4 then covers all. It is for cases that
// gain little from running with each of those numbers.
func Part[T any](xs []T) []T { return part(xs, Race && testing.Short(), runtime.GOMAXPROCS(0)) }

func part[T any](xs []T, half bool, procs int) (ys []T) {
	if !half {
		return xs
	}
	for i, x := range xs {
		// The halves alternate as 0 1 1 0, so that each gets some of both where cases come in
		// pairs.
		if ((i^i>>1)&1 == 0) == (procs == 1) {
			ys = append(ys, x)
		}
	}
	return ys
}
