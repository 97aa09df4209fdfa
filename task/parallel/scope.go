package parallel

import (
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// A Scope collects children whose number is not known in advance. See [InScope]. It must not be
// copied.
type Scope struct {
	_           noCopy
	c           *task.Ctx
	outstanding int       // number of calls that the task had forked before the scope
	calls       []*forked // oldest first
	failure     *task.PanicError
	closed      bool
}

// maxPending is how many children a scope keeps before the caller of Go helps to run them. It is
// enough for any number of thieves, and few enough that the children stay in the caches. Not tuned.
const maxPending = 1024

// InScope calls fn with a new scope, and returns when fn and all functions started in the scope
// have returned. fn runs as part of the task c. The children run in parallel with fn where workers
// are idle. The remaining children run as part of c after fn has returned, newest first.
//
//	parallel.InScope(c, func(s *parallel.Scope) {
//		for n := list; n != nil; n = n.next {
//			s.Go(c, func(c *task.Ctx) { n.visit(c) })
//		}
//	})
//
// If fn or a child panics, InScope panics after all of them have ended, with the *task.PanicError
// of fn, or if fn returned, with that of a child. If fn or a child calls runtime.Goexit, so does
// the task c after all of them have ended, unless one of them panicked. Cancelling the task does
// not prevent children from being called. They see the cancellation in their Ctx.
//
// Work is the sum of the work of everything that runs in the scope. Span is that of fn plus the
// largest span of a child.
func InScope(c *task.Ctx, fn func(s *Scope)) {
	if fn == nil {
		panic("parallel: InScope with a nil function")
	}
	c = callerOf(c)
	s := &Scope{c: c, outstanding: (*rt.Life)(c).Task().Outstanding()}
	s.end(s.open(fn), false)
}

// open calls fn and returns its panic, or nil. The caller must then end the scope, which runs the
// remaining children. If fn calls runtime.Goexit, or a child that Go runs does, open itself ends
// the scope.
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

// end ends the scope after its function has ended. It raises failure, the panic of the function. If
// failure is nil, it raises the panic of a child. If a child calls runtime.Goexit, the Goexit goes
// on after all other children have ended. If exiting is set, a Goexit is under way already, and end
// makes the task fail with the panic instead of raising it.
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
	(*rt.Life)(s.c).Task().UnwindForks(s.outstanding) // fn panicked, and left these calls unjoined
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

// Go offers fn to idle workers. Only the task that opened the scope may call Go, and only before
// the function of InScope returns. Otherwise Go panics. A child that has children of its own opens
// a scope for them.
//
// While fewer than about a thousand children have not ended, Go neither parks nor blocks. With
// more, Go runs some of them itself, and may park the task until stolen ones have ended. So a scope
// takes bounded memory. A child must therefore not wait for anything that the scope's function does
// later.
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
			s.failure = failure // joined newest first, so the oldest child's panic stays
		}
	}
}
