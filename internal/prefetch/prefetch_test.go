//go:build amd64 && !race

package prefetch

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMarkIsOnTheStack(t *testing.T) {
	var p Place
	var local int
	p.NoteStack()
	d := int64(p.stack) - int64(uintptr(unsafe.Pointer(&local)))
	require.Less(t, max(d, -d), int64(64<<10), "the place is near a local variable")
}

// A hint never faults, whatever the address.
func TestWarmAnyAddress(t *testing.T) {
	for _, a := range []uintptr{1, 4096, below, ^uintptr(0) - 4096} {
		p := Place{stack: a}
		p.Warm(a)
	}
	(&Place{}).Warm(1)
	Of(new(int))
}

func BenchmarkWarm(b *testing.B) {
	var p Place
	p.NoteStack()
	for b.Loop() {
		p.Warm(0)
	}
}
