package parallel

import (
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// A Scope is what children are started in whose number is not known beforehand. See [InScope]. It must not be copied.
type Scope struct {
	_       noCopy
	c       *task.Ctx
	mark    int       // calls that the task had forked before
	calls   []*forked // oldest first
	failure *task.PanicError
	closed  bool
}

// maxPending is how many children a scope keeps before the caller of Go helps: enough for any
// number of thieves, few enough to stay in the caches. Not tuned.
const maxPending = 1024

// InScope calls fn with a new scope, and returns when fn and all functions that were started in the scope have
// returned. fn runs as part of the task c; the children run in parallel to it where workers are idle,
// and otherwise as part of c when fn has returned, newest first.
//
//	parallel.InScope(c, func(s *parallel.Scope) {
//		for n := list; n != nil; n = n.next {
//			s.Go(c, func(c *task.Ctx) { n.visit(c) })
//		}
//	})
//
// If fn or a child panics, InScope panics after all have ended, with the *task.PanicError of fn or, if that returned, of
// one of the children. If one of them calls runtime.Goexit, so does the task c after all have ended, unless one panicked. Cancelling the task does not keep children from being called; they see it in their Ctx.
//
// Work is the sum of what runs in the scope; span is that of fn, plus the largest of a child.
func InScope(c *task.Ctx, fn func(s *Scope)) {
	if fn == nil {
		panic("parallel: InScope with a nil function")
	}
	c = callerOf(c)
	s := &Scope{c: c, mark: (*rt.Task)(c).Outstanding()}
	s.end(s.open(fn), false)
}

// open calls fn and returns its panic. The children that there are by then are still to be run. If fn calls runtime.Goexit, or
// a child that Go runs does, open ends the scope.
func (s *Scope) open(fn func(s *Scope)) (failure *task.PanicError) {
	whole := false
	defer func() {
		switch {
		case whole:
		case exits():
			s.end(nil, true)
		default:
			failure = panicError(recover())
		}
	}()
	fn(s)
	whole = true
	return nil
}

// end ends the scope when its function has ended, and raises failure, the panic of that, or else one of a child. If a child calls
// runtime.Goexit, that goes on when all the others have ended. exiting tells that one goes on already.
func (s *Scope) end(failure *task.PanicError, exiting bool) {
	whole := false
	defer func() {
		if !whole && exits() {
			s.end(failure, true)
		}
	}()
	s.joinTo(0)
	whole = true
	s.closed = true
	(*rt.Task)(s.c).UnwindForks(s.mark) // what the function forked and, by a panic, did not join
	if failure == nil {
		failure = s.failure
	}
	switch {
	case exiting:
		failWith(s.c, failure)
	case failure != nil:
		panic(failure)
	}
}

// Go offers fn to idle workers. It must be called by the task that the scope was opened in, before
// the function of InScope returns; a child that has children opens a scope of its own.
//
// Go neither parks nor blocks while there are fewer than about a thousand children that have not ended. With more, it runs
// some of them itself, and may park until others that were stolen have ended: so a scope takes bounded memory. A
// child must therefore not wait for what the scope's own function does later. It panics when called by another task,
// or too late.
func (s *Scope) Go(c *task.Ctx, fn func(c *task.Ctx)) {
	if fn == nil {
		panic("parallel: Scope.Go with a nil function")
	}
	switch c = callerOf(c); {
	case c != s.c:
		panic("parallel: Scope.Go by another task than the one that opened the scope: open one in the child with InScope")
	case s.closed:
		panic("parallel: Scope.Go after InScope has returned: start children before that")
	}
	if len(s.calls) >= maxPending {
		s.joinTo(maxPending / 2)
	}
	s.calls = append(s.calls, closures.Fork(c, fn))
	offer(c)
}

// joinTo joins the newest children until n are left.
func (s *Scope) joinTo(n int) {
	for len(s.calls) > n {
		offer(s.c)
		last := len(s.calls) - 1
		x := s.calls[last]
		s.calls[last] = nil
		s.calls = s.calls[:last]
		if failure := joined(s.c, x); failure != nil {
			s.failure = failure // in the end that of the oldest
		}
	}
}
