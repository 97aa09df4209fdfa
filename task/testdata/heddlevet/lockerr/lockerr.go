// Package lockerr takes locks under a context where the error is dropped, and where it is not.
package lockerr

import (
	"context"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

type account struct {
	tsync.Mutex
	balance int
}

func dropped(c *task.Ctx, m *tsync.Mutex, rw *tsync.RWMutex, k *tsync.KeyedMutex[int], s *tsync.Semaphore, a *account) {
	m.LockContext(c)       // want `the error of Mutex.LockContext is dropped`
	(rw.LockContext(c))    // want `the error of RWMutex.LockContext is dropped`
	rw.RLockContext(c)     // want `the error of RWMutex.RLockContext is dropped`
	k.LockContext(c, 1)    // want `the error of KeyedMutex.LockContext is dropped`
	s.Acquire(c, 1)        // want `the error of Semaphore.Acquire is dropped`
	a.LockContext(c)       // want `the error of Mutex.LockContext is dropped`
	defer m.LockContext(c) // want `the error of Mutex.LockContext is dropped`
}

func loops(c *task.Ctx, cond *tsync.Cond, e *tsync.Event) {
	for !e.IsSet() {
		cond.WaitContext(c) // want `the error of Cond.WaitContext is dropped`
	}
	for !e.IsSet() && cond.WaitContext(c) == nil {
	}
	e.WaitContext(c)
	cond.Wait()
}

func right(ctx context.Context, m *tsync.Mutex, s *tsync.Semaphore) error {
	if err := m.LockContext(ctx); err != nil {
		return err
	}
	defer m.Unlock()
	_ = s.Acquire(context.Background(), 1) // which never ends
	s.Release(1)
	m.TryLock()
	return nil
}
