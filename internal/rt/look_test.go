package rt

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A task that has been granted the lock that it waits for waits for no holder any more.
func TestGranted(t *testing.T) {
	Granted(nil)
	d := &Task{}
	Granted(d)
	d.Start("fn", &Extra{Look: &Look{}})
	x := d.Extra().Look
	x.wait.At.Holder = awaitedEnd{}
	Granted(d)
	require.Nil(t, x.wait.At.Holder)
}
