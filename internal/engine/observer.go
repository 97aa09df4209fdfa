package engine

import (
	"runtime/debug"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// observe calls f with the Observer. The caller has checked that there is one. If f panics, observe
// ends the process, because the panic must not unwind a worker in the middle of a step.
func (l *measuring) observe(f func(o Observer)) {
	returned := false
	defer func() {
		if !returned {
			v := recover()
			crash(task.Task{}, &task.PanicError{Value: v, Stack: debug.Stack()}, mendTheObserver)
		}
	}()
	f(l.observer)
	returned = true
}

// observePark tells the Observer that d parks. commit calls it when d has left its stack, before d
// becomes Waiting.
func (b *notebook) observePark(d *rt.Task, gen uint32, k rt.Park) {
	reason := rt.Status(k).WaitReason().String()
	b.gauge.measuring.observe(func(o Observer) { o.Park(handleOf(d, gen), reason) })
}

// observeEnd tells the Observer, if there is one, that life gen of d has ended.
func (l *measuring) observeEnd(d *rt.Task, gen uint32) {
	if l != nil && l.observer != nil {
		t := handleOf(d, gen)
		l.observe(func(o Observer) { o.End(t, t.Err()) })
	}
}

// observeRefusal tells the Observer, if there is one, that a submission was not accepted.
func (l *measuring) observeRefusal(err error) {
	if l != nil && l.observer != nil {
		l.observe(func(o Observer) { o.Refuse(err) })
	}
}
