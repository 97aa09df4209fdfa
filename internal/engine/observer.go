package engine

import (
	"runtime/debug"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// observe calls f with the Observer. The caller has checked that there is one. If f panics, observe
// ends the process, because the panic must not unwind a worker in the middle of a step.
func (s *Scheduler) observe(f func(o Observer)) {
	returned := false
	defer func() {
		if !returned {
			v := recover()
			crash(task.Task{}, &task.PanicError{Value: v, Stack: debug.Stack()}, mendTheObserver)
		}
	}()
	f(s.measuring.observer)
	returned = true
}

// observePark tells the Observer that d parks. commit calls it when d has left its stack, before d
// becomes Waiting.
func (w *worker) observePark(d *rt.Task) {
	reason := rt.Status(w.prevPark).WaitReason().String()
	w.s.observe(func(o Observer) { o.Park(handleOf(d, w.prevGen), reason) })
}

// observeEnd tells the Observer, if there is one, that life gen of d has ended.
func (s *Scheduler) observeEnd(d *rt.Task, gen uint32) {
	if s.measuring != nil && s.measuring.observer != nil {
		t := handleOf(d, gen)
		s.observe(func(o Observer) { o.End(t, t.Err()) })
	}
}

// observeRefusal tells the Observer, if there is one, that a submission was not accepted.
func (s *Scheduler) observeRefusal(err error) {
	if s.measuring != nil && s.measuring.observer != nil {
		s.observe(func(o Observer) { o.Refuse(err) })
	}
}

// refuse counts a submission that came after Shutdown or Close, and tells the Observer.
func (s *Scheduler) refuse(err error) {
	s.over.closed.Add(1)
	s.observeRefusal(err)
}
