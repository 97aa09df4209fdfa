package rt

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A user's method that is called late may call runtime.Goexit. The other functions are called
// nevertheless, and so is last.
func TestLateGoexit(t *testing.T) {
	var calls atomic.Int32
	late := func() *Late {
		calls.Store(0)
		var l Late
		for range 3 {
			l.Add(func() { calls.Add(1); runtime.Goexit() })
			l.Add(func() { calls.Add(1) })
		}
		return &l
	}
	exited, returned := make(chan struct{}), false
	l := late()
	go func() {
		defer close(exited)
		l.Run()
		returned = true
	}()
	<-exited
	require.False(t, returned)
	require.EqualValues(t, 6, calls.Load())

	last := make(chan struct{})
	late().Aside(new(Shared), func() { close(last) })
	<-last
	require.EqualValues(t, 6, calls.Load())
}
