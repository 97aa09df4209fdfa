package engine

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
)

// A task that parks after Close has walked the tasks finds the phase changed.
func TestCommitSeesThePhase(t *testing.T) {
	g := newStage(t)
	w := g.newWorker(1)
	d := g.tasks(1)[0]
	w.act, w.prev, w.prevPark, w.prevGen = actPark, d, rt.WaitReady.Park(rt.ForReady), d.Gen()
	g.phase.Store(phaseClosed)
	w.commit()
	if w.pinned {
		runtime.UnlockOSThread() // commit comes after a switch, which was made unlocked
	}
	g.phase.Store(phaseOpen)
	cancelled := d.Status().Cancelled()
	if !cancelled {
		_, queue := d.Cancel(d.Gen(), rt.Closed)
		require.True(t, queue)
		g.inject(d)
	} else {
		require.Same(t, d, w.runq.Pop())
		g.inject(d)
	}
	require.True(t, cancelled)
}

// A cancelled Sleep takes its timer back.
func TestCancelledSleepDisarms(t *testing.T) {
	g := newStage(t)
	var ts []task.Task
	for range 10 {
		ts = append(ts, g.Go(func(c *task.Ctx) { _ = c.Sleep(time.Hour) }))
	}
	for begin := time.Now(); ; runtime.Gosched() {
		if g.timers.Len() == len(ts) {
			break
		}
		require.Less(t, time.Since(begin), testkit.Patience, "the tasks do not sleep")
	}
	g.awaitSleep()
	for _, h := range ts {
		h.Cancel()
		_ = h.Wait()
	}
	armed := g.timers.Len()
	require.Zero(t, armed)
}
