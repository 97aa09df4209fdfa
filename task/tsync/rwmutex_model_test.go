//go:build heddle_model

package tsync

import (
	"fmt"
	"testing"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/explore"
)

// A library says how many readers and writers a model has, and how they unlock.
type library struct {
	readers, writers int
	cancels          bool // the first writer is cancelled
	runlock, unlock  func(rw *RWMutex)
}

// model checks that a writer is always alone inside, and that at the end the lock is free and both
// queues are empty.
func (l library) model(m *explore.Model) {
	s := newStage(l.readers + l.writers)
	var rw RWMutex
	var inside atomicx.Int32
	const writer = 100
	failed := 0
	for i, a := range s.tasks {
		if i < l.readers {
			m.Thread(fmt.Sprint("reader", i), func() {
				if rw.RLockContext(a.c) != nil {
					explore.Failf("a reader gave up")
				}
				if inside.Add(1) >= writer {
					explore.Failf("a reader is inside beside a writer")
				}
				inside.Add(-1)
				l.runlock(&rw)
			})
			continue
		}
		m.Thread(fmt.Sprint("writer", i-l.readers), func() {
			if rw.LockContext(a.c) != nil {
				failed++
				return
			}
			if inside.Add(writer) != writer {
				explore.Failf("a writer is not alone inside")
			}
			inside.Add(-writer)
			l.unlock(&rw)
		})
	}
	if l.cancels {
		m.Thread("canceller", s.tasks[l.readers].cancel)
	}
	m.Check(func() error {
		if st := rw.state.Load(); st != 0 || rw.readq.First != nil || rw.writeq.First != nil {
			return fmt.Errorf("in the end the lock is in state %b", st)
		}
		if failed > 0 && !l.cancels {
			return fmt.Errorf("%d gave up", failed)
		}
		for i, a := range s.tasks {
			if a.queued != 0 {
				return fmt.Errorf("task %d was woken once too often", i)
			}
		}
		return nil
	})
}

func TestModelRWMutex(t *testing.T) {
	right := library{runlock: (*RWMutex).RUnlock, unlock: (*RWMutex).Unlock}
	for _, n := range [][2]int{{1, 1}, {0, 2}, {2, 1}, {1, 2}} {
		for _, cancels := range []bool{false, true} {
			l := right
			l.readers, l.writers, l.cancels = n[0], n[1], cancels
			if n[0]+n[1] == 2 {
				exploreBoth(t, 3, l.model)
			} else {
				exploreBoth(t, 2, l.model)
			}
		}
	}
}

// The planted unlocks look for waiters first and then unlock in a second step. They leave a waiter
// that queues in between waiting for ever.
func TestModelRWMutexUnlockWithoutCAS(t *testing.T) {
	l := library{readers: 1, writers: 1, runlock: func(rw *RWMutex) {
		if s := rw.state.Load(); s&rwQueued == 0 {
			rw.state.Store(s - rwReader)
			return
		}
		rw.runlockSlow()
	}, unlock: (*RWMutex).Unlock}
	requireCaught(t, l.model)
	l = library{writers: 2, runlock: (*RWMutex).RUnlock, unlock: func(rw *RWMutex) {
		if rw.state.Load() == rwWriting {
			rw.state.Store(0)
			return
		}
		rw.unlockSlow()
	}}
	requireCaught(t, l.model)
}
