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
	var p, q Place
	var local int
	p.Mark()
	d := int64(p.stack) - int64(uintptr(unsafe.Pointer(&local)))
	require.Less(t, max(d, -d), int64(64<<10), "the place is near a local variable")
	q.Mark()
	require.Equal(t, p.g, q.g, "same goroutine")
	done := make(chan struct{})
	go func() {
		defer close(done)
		q.Mark()
	}()
	<-done
	require.NotEqual(t, p.g, q.g, "another goroutine")
	require.True(t, p.Here())
	require.False(t, q.Here())
	require.False(t, (&Place{}).Here())
}

// A hint never faults, whatever the address.
func TestWarmAnyAddress(t *testing.T) {
	for _, a := range []uintptr{1, 4096, below, ^uintptr(0) - 4096} {
		p := Place{stack: a, g: a}
		p.Warm()
	}
	(&Place{}).Warm()
	Of(new(int))
}

func BenchmarkWarm(b *testing.B) {
	var p Place
	p.Mark()
	for b.Loop() {
		p.Warm()
	}
}
