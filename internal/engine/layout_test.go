package engine

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/cpu"
)

// offset returns where the field of t with the given path begins and ends.
func offset(t reflect.Type, path string) (from, to uintptr) {
	for _, name := range strings.Split(path, ".") {
		f, ok := t.FieldByName(name)
		if !ok {
			panic("no field " + path)
		}
		from += f.Offset
		t = f.Type
	}
	return from, from + t.Size()
}

// requireApart requires that a cache line with a byte of field a has no byte of field b, wherever
// the struct begins.
func requireApart(t *testing.T, of reflect.Type, a, b string) {
	t.Helper()
	const line = unsafe.Sizeof(cpu.CacheLinePad{})
	fromA, toA := offset(of, a)
	fromB, toB := offset(of, b)
	gap := max(int(fromB)-int(toA), int(fromA)-int(toB))
	require.GreaterOrEqual(t, gap, int(line)-1, "%v: %s and %s may share a cache line", of, a, b)
}

// Workers read the words of readOften all the time. Submissions, sleeping workers, wakers, timers
// and sysmon write those of written. No line has words of both.
func TestWordsThatWorkersReadHaveLinesOfTheirOwn(t *testing.T) {
	s := reflect.TypeFor[Scheduler]()
	readOften := []string{
		"mon", "intake.measuring", "crew.pool.workers", "crew.pool.size", "crew.pool.quit", "crew.pause.on",
		"crew.procs", "crew.idle.state", "shared.Sched", "shared.Workers", "shared.ReadyGoroutines",
		"intake.inj.ranked", "timers.queues", "life.phase", "quantum", "clock", "sysmon.s",
	}
	written := []string{
		"intake.inj.mu", "intake.inj.normal", "intake.inj.n", "intake.inj.free", "intake.inj.accepted", "timers.common",
		"periodic", "taskPool", "intake.cohorts", "fiberPool", "offload",
		"life.live", "handlers", "crew.wakes", "overflows", "sysmon.timerBatch", "sysmon.late", "sysmon.strandAt",
	}
	for _, r := range readOften {
		for _, w := range written {
			requireApart(t, s, r, w)
		}
	}
	// These are read and written often, so each is apart from the others that are read often.
	for _, alone := range []string{"crew.idle", "shared.ReadyGoroutines", "intake.inj.ranked"} {
		for _, r := range readOften {
			if !strings.HasPrefix(r, alone) {
				requireApart(t, s, r, alone)
			}
		}
	}
}

// What other parties write or read of a worker has no line in common with what the worker alone
// touches, and what they write none with what they read.
func TestGroupsOfAWorkerHaveLinesOfTheirOwn(t *testing.T) {
	w := reflect.TypeFor[worker]()
	groups := [][]string{
		{"ownState", "queues.crew", "queues.treeTurn"}, {"queues.next", "queues.nextSkip"},
		{"queues.runq", "queues.children"}, {"toldState"}, {"publicState"}, {"ring"}, {"seen"},
	}
	for i, as := range groups {
		for _, b := range slices.Concat(groups[:i]...) {
			for _, a := range as {
				requireApart(t, w, a, b)
			}
		}
	}
}
