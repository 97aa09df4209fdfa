package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// If the last worker that is awake leaves the pool, the parties that wait until all workers sleep
// learn of it: Pause, and the end.
func TestTheLastWorkerAwakeLeaves(t *testing.T) {
	s := newBare(2)
	s.workers()[0].announce()
	last := s.workers()[1]
	asleep, _, err := s.beginPause(&s.life)
	require.NoError(t, err)
	s.phase.Store(phaseDraining)
	require.False(t, last.depart(), "it is a member")
	last.member.Store(wkLeaving)
	require.True(t, last.depart())
	for what, c := range map[string]<-chan struct{}{"Pause": asleep.Done(), "the end": s.quiet} {
		select {
		case <-c:
		default:
			t.Errorf("%s does not hear of it", what)
		}
	}
}
