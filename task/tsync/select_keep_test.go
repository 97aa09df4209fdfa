package tsync

import (
	"context"
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"
)

// A select that has ended goes into a pool. It must not keep its cases, and so their channels, in
// memory there.
func TestFreeSelectionKeepsNoCase(t *testing.T) {
	each(t, func(w *world) {
		var chosen weak.Pointer[NativeCase[int]]
		var other weak.Pointer[RecvCase[int]]
		done := make(chan struct{})
		body := func(ctx context.Context) {
			native, ch := make(chan int, 1), NewChan[int](0)
			native <- 1
			x, y := RecvNative(native), ch.RecvCase()
			chosen, other = weak.Make(x), weak.Make(y)
			_, err := Select(ctx, y, x)
			w.check(err == nil, "%v", err)
		}
		w.start(func(ctx context.Context) { body(ctx); close(done) })
		<-done
		runtime.GC()
		runtime.GC() // what a sync.Pool holds goes at the second collection
		require.Nil(t, chosen.Value())
		require.Nil(t, other.Value())
	})
}
