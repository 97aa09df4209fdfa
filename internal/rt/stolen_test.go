package rt

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

var errWhy, errShut = errors.New("why"), errors.New("closed")

// family returns a running task and a free descriptor.
func family() (p, free *Task) {
	p, free = fresh(1), fresh(1)
	p.NeedExtra()
	free.status.Store(1<<flagBits | stFree)
	return p, free
}

// steal starts a stolen call of p in call.
func steal(p, call *Task) {
	call.Start(nil, &Extra{Stolen: true})
	p.Adopt(call)
}

func cancelWith(d *Task, err error) {
	d.SetCause(d.Gen(), err, false)
	d.Cancel(d.Gen(), Custom)
	d.CancelStolen(nil)
}

// Close passes a free descriptor, a call starts in it, and Close comes to its parent. The call must
// be cancelled.
func TestCloseFindsACallBehindIt(t *testing.T) {
	p, call := family()
	queue, _ := call.Close()
	require.False(t, queue)
	steal(p, call)
	grandkid := fresh(2)
	steal(call, grandkid)
	require.Nil(t, call.Cause(nil, errShut))
	p.Close()
	for _, d := range []*Task{p, call, grandkid} {
		require.Equal(t, errShut, d.Cause(nil, errShut))
	}
}

// A stolen call reports the cause that its parent was cancelled with, whether it was stolen before
// or after, and whatever comes later.
func TestStolenCallHasItsParentsCause(t *testing.T) {
	ways := map[string]struct {
		cancel func(p *Task)
		want   error
	}{
		"Cancel":       {func(p *Task) { p.Cancel(p.Gen(), Default); p.CancelStolen(nil) }, errors.ErrUnsupported},
		"cause":        {func(p *Task) { cancelWith(p, errWhy) }, errWhy},
		"Close":        {func(p *Task) { p.Close() }, errShut},
		"cause, Close": {func(p *Task) { cancelWith(p, errWhy); p.Close() }, errWhy},
		// The task has parked in a closed scheduler, and Close comes to it later.
		"commit, Close": {func(p *Task) { p.Cancel(p.Gen(), Closed); p.Close() }, errShut},
	}
	for name, w := range ways {
		for _, late := range []bool{false, true} {
			p, call := family()
			if late {
				w.cancel(p)
			}
			steal(p, call)
			call.Close()
			if !late {
				require.Nil(t, call.Cause(errors.ErrUnsupported, errShut), name)
				w.cancel(p)
			}
			require.Equal(t, w.want, p.Cause(errors.ErrUnsupported, errShut), name)
			require.Equal(t, w.want, call.Cause(errors.ErrUnsupported, errShut), "%s, stolen afterwards: %v", name, late)
		}
	}
}

// A call has found its parent cancelled and has cancelled itself, but has not come to its own
// stolen calls. The canceller of the parent does not rely on that call.
func TestCancellationGoesOnBelowACallThatCancelsItself(t *testing.T) {
	p, call := family()
	grandkid := fresh(2)
	steal(p, call)
	steal(call, grandkid)
	p.Cancel(p.Gen(), Default)
	call.Cancel(call.Gen(), Default)
	p.CancelStolen(nil)
	require.True(t, grandkid.Status().Cancelled())
}
