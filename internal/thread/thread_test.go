package thread

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// A thread that is bound may use one CPU only, and after Undo all that were named, also if it was
// bound before.
func TestBinding(t *testing.T) {
	if CanBind() != nil {
		_, err := AllowedCPUs()
		require.Error(t, err)
		require.Error(t, new(Binding).Bind(0, nil))
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := AllowedCPUs()
	require.NoError(t, err)
	require.NotEmpty(t, before)
	var b Binding
	b.Undo() // nothing is bound
	last := before[len(before)-1]
	var other Binding // its thread ended, or the Go runtime copied it
	require.NoError(t, other.Bind(before[0], nil))
	require.NoError(t, b.Bind(last, before))
	now, err := AllowedCPUs()
	require.NoError(t, err)
	require.Equal(t, []int{last}, now)
	b.Undo()
	now, err = AllowedCPUs()
	require.NoError(t, err)
	require.Equal(t, before, now)
	require.Error(t, b.Bind(-1, before), "there is no such CPU")
	b.Undo()
}

// Threads have different numbers.
func TestID(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	other := make(chan int)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		other <- ID()
	}()
	if id := <-other; id != 0 {
		require.NotEqual(t, id, ID())
		require.Equal(t, ID(), ID())
	}
}
