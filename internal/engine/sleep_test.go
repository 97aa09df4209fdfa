package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A worker that is about to sleep sees a child in another one's next slot, and not a woken task.
func TestChildInTheNextSlotIsSeen(t *testing.T) {
	g := newStage(t)
	w := g.newWorker(1)
	ds := g.tasks(2)
	defer func() { // whatever comes out
		for _, d := range ds {
			g.inject(d)
		}
	}()
	require.False(t, w.hasVisibleTask())
	old, _ := w.next.put(ds[0], wokenTask)
	require.Nil(t, old)
	require.False(t, w.hasVisibleTask())
	old, was := w.next.put(ds[1], newChild)
	require.Same(t, ds[0], old)
	require.Equal(t, wokenTask, was)
	require.True(t, w.hasVisibleTask())
	require.Same(t, ds[1], w.next.take())
	require.False(t, w.hasVisibleTask())
	w.displace(ds[0], wokenTask, w.Dispatch.Load())
	require.True(t, w.hasVisibleTask())
	require.Same(t, ds[0], w.runq.Pop())
	require.False(t, w.hasVisibleTask())
	w.displace(ds[1], newChild, w.Dispatch.Load())
	require.True(t, w.hasVisibleTask())
	require.Same(t, ds[1], w.children.Pop())
	require.False(t, w.hasVisibleTask())
}
