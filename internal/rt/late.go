package rt

import "github.com/heddle-go/heddle/internal/atomicx"

// A Late collects the functions to call at the end of a context that may reach a user's code.
// Package context made these functions for contexts that were derived from a context of a user's
// type. That type has passed AfterFunc on to our context, for example because it embeds a Ctx. The
// functions call Err and Value of the user's type, and these methods may take a lock.
//
// A worker must not wait for that lock. On the stack of a task, it would park the task in the
// middle of the worker's own work, and elsewhere it would block the thread, although the holder of
// the lock may be a task in its queue. A party that has further tasks to cancel must not wait
// either, because the holder may be one of these tasks. So the functions are called after
// everything else:
//
//   - A user's call of Cancel, or of a cancel function, first queues the tasks that it wakes, and
//     then calls the functions itself (Run). When it returns, derived contexts have ended, as with
//     package context.
//   - A worker that ends a task, a timer, Close, and the end of a context above leave them to
//     goroutines (Aside). Tasks and goroutines that wait for the end of the task are woken after
//     these. (A Wait that begins later does not wait for them.)
//
// A nil Late is empty.
type Late struct{ calls []func() }

// Add adds f. It has to allow calls on any goroutine.
func (l *Late) Add(f func()) { l.calls = append(l.calls, f) }

// Empty reports whether there is nothing to call.
func (l *Late) Empty() bool { return l == nil || len(l.calls) == 0 }

// Join adds the functions of m, which may be nil.
func (l *Late) Join(m *Late) {
	if m != nil {
		l.calls = append(l.calls, m.calls...)
	}
}

// Run calls the functions. If one of them calls runtime.Goexit, the others are called before the
// goroutine exits.
func (l *Late) Run() {
	if l != nil {
		callAll(l.calls)
	}
}

func callAll(calls []func()) {
	i := 0
	defer func() {
		if i < len(calls) {
			callAll(calls[i:])
		}
	}()
	for i < len(calls) {
		i++
		calls[i-1]()
	}
}

// Aside calls each function on a goroutine of its own, because one of them may wait for what
// another brings about. Then it calls last, if last is not nil: on one of these goroutines or, if
// there are no functions, at once. A function that calls runtime.Goexit counts as any other.
func (l *Late) Aside(s *Shared, last func()) {
	if l.Empty() {
		if last != nil {
			last()
		}
		return
	}
	left := new(atomicx.Int32)
	left.Store(int32(len(l.calls)))
	for _, f := range l.calls {
		s.Aside(func() {
			defer func() {
				if left.Add(-1) == 0 && last != nil {
					last()
				}
			}()
			f()
		})
	}
}
