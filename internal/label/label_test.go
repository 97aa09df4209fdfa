package label

import (
	"context"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Clear removes all labels of the calling goroutine, and those of no other.
func TestClear(t *testing.T) {
	labelled := func(key string) bool {
		var b strings.Builder
		require.NoError(t, pprof.Lookup("goroutine").WriteTo(&b, 1))
		return strings.Contains(b.String(), `"`+key+`":`)
	}
	set := func(key string) {
		pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels(key, "1")))
	}
	other, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		set("of-another")
		other <- struct{}{}
		<-other
	}()
	<-other
	set("mine")
	require.True(t, labelled("mine"))
	Clear()
	require.False(t, labelled("mine"))
	require.True(t, labelled("of-another"))
	Clear() // there are none
	require.False(t, labelled("mine"))
	close(other)
	<-done
}
