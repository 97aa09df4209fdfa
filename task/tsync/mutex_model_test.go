//go:build heddle_model

package tsync

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/explore"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// A locking says how the tasks of a model lock and unlock.
type locking struct {
	lock   func(m *Mutex, c *task.Ctx) error
	unlock func(m *Mutex)
}

var rightLocking = locking{
	lock:   func(m *Mutex, c *task.Ctx) error { return m.LockContext(c) },
	unlock: (*Mutex).Unlock,
}

// excludes is a model of n tasks that each lock and unlock one mutex. If cancels is set, the last
// task is cancelled meanwhile. A task that is forgotten in the queue shows as a deadlock.
func excludes(n int, cancels bool, l locking) func(*explore.Model) {
	return func(m *explore.Model) {
		s := newStage(n)
		var mu Mutex
		var inside atomicx.Int32
		failed := 0
		for i, a := range s.tasks {
			m.Thread(fmt.Sprint("task", i), func() {
				if l.lock(&mu, a.c) != nil {
					failed++
					return
				}
				if inside.Add(1) != 1 {
					explore.Failf("two are inside")
				}
				inside.Add(-1)
				l.unlock(&mu)
			})
		}
		if cancels {
			m.Thread("canceller", s.tasks[n-1].cancel)
		}
		m.Check(func() error {
			if st := mu.state.Load(); st != 0 || mu.queue.First != nil {
				return fmt.Errorf("in the end the mutex is in state %b", st)
			}
			if failed > 0 && !cancels {
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
}

func TestModelMutex(t *testing.T) {
	exploreBoth(t, 4, excludes(2, false, rightLocking))
	exploreBoth(t, 3, excludes(2, true, rightLocking))
	explore.Run(t, random, excludes(3, true, rightLocking))
}

// The planted Unlock looks for waiters and unlocks in two steps. It leaves a task that queues in
// between waiting for ever.
func TestModelMutexUnlockWithoutCAS(t *testing.T) {
	l := rightLocking
	l.unlock = func(m *Mutex) {
		if m.state.Load() == mxLocked {
			m.state.Store(0)
			return
		}
		m.unlockSlow()
	}
	f := requireCaught(t, excludes(2, false, l))
	require.Equal(t, explore.Deadlock, f.Kind)
}

// The planted Lock queues without looking again whether the mutex is free. It waits for ever if an
// Unlock came in between.
func TestModelMutexQueuesWithoutLooking(t *testing.T) {
	l := rightLocking
	l.lock = func(m *Mutex, c *task.Ctx) error {
		if m.TryLock() {
			return nil
		}
		m.mu.Lock()
		m.handoffs = 10
		m.state.Or(mxQueued)
		w := mutexWaiters.take(c, (*rt.Life)(c).Task(), m)
		m.queue.Push(w)
		m.mu.Unlock()
		_, _, err := mutexWaiters.await(w, false)
		return err
	}
	f := requireCaught(t, excludes(2, false, l))
	require.Equal(t, explore.Deadlock, f.Kind)
}

// careless is an owner whose withdraw always succeeds, even if a waker has already claimed the
// waiter.
type careless struct{ m *Mutex }

func (o careless) withdraw(w *waiter[bool]) bool { o.m.withdraw(w); return true }

// A cancelled Lock that gives up although Unlock has handed it the mutex leaves the mutex locked
// for ever. Both variants always hand over, and the planted one has a careless owner.
func TestModelMutexGivesUpAfterHandOver(t *testing.T) {
	with := func(withdraw func(m *Mutex) owner[bool]) locking {
		l := rightLocking
		l.lock = func(m *Mutex, c *task.Ctx) error {
			m.mu.Lock()
			m.handoffs = 10
			if m.takeOrFlag(mxQueued, 0) {
				m.mu.Unlock()
				return nil
			}
			w := mutexWaiters.take(c, (*rt.Life)(c).Task(), withdraw(m))
			m.queue.Push(w)
			m.mu.Unlock()
			_, _, err := mutexWaiters.await(w, false)
			return err
		}
		return l
	}
	exploreBoth(t, 2, excludes(2, true, with(func(m *Mutex) owner[bool] { return m })))
	requireCaught(t, excludes(2, true, with(func(m *Mutex) owner[bool] { return careless{m} })))
}
