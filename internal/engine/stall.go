package engine

import (
	"bytes"
	"log/slog"
	"runtime"
	"time"

	"github.com/heddle-go/heddle/internal/look"
	"github.com/heddle-go/heddle/internal/preempt"
	"github.com/heddle-go/heddle/internal/rt"
)

// mostBehind is how many tasks Stall.Behind describes.
const mostBehind = 8

// Stalled implements preempt.Unit.
func (u watchedWorker) Stalled(p preempt.Dispatch, age time.Duration) {
	w := u.worker
	d := w.Current.Load()
	if d == nil || d.Flag() != p.Flag || d.Gen() != uint32(p.Life) {
		return // the dispatch has just ended
	}
	t := handleOf(d, d.Gen())
	w.s.stalls.Add(1)
	now := w.s.now()
	st := stalled{Stall{Task: t, Name: t.Name(), Worker: w.id, Age: age, Now: now}, u, p, now}
	st.Queued, st.Behind = w.behind()
	if w.s.sysmon.findStack(&st) {
		w.s.sysmon.report(&st.Stall)
	} // else reportSurveyed reports it
}

// report tells the logger, the Observer and the handler of a stall. sysmon calls it, or Close after
// the end of sysmon.
func (m *sysmon) report(st *Stall) {
	s := m.s
	hint := slog.String("hint",
		"it computes without Checkpoint, or is blocked: by a system call, or a native channel or lock")
	s.cfg.warn("heddle: a task has passed no yield point and holds its worker", append(s.cfg.LogOf(st), hint)...)
	if l := s.measuring; l != nil && l.observer != nil {
		s.handlers.run(func() { l.observe(func(o Observer) { o.Stall(st) }) })
	}
	if f := s.cfg.OnStall; f != nil {
		s.handlers.run(func() { f(st) })
	}
}

// behind returns how many tasks and forked calls wait in w's queues, and describes the first
// runnable tasks among them. Any goroutine may call it.
func (w *worker) behind() (n int, first []look.View) {
	see := func(d *rt.Task) bool {
		if d != nil && !d.Status().Draft() {
			if v, ok := look.Of(d); ok && v.State == rt.Runnable {
				first = append(first, v)
			}
		}
		return len(first) < mostBehind
	}
	n = w.runq.Thief().Len() + w.children.Thief().Len() + w.Forks.Thief().Len()
	if w.next.full() {
		n++
		see(w.next.task.Load())
	}
	w.runq.Thief().Look(see)
	w.children.Thief().Look(see)
	return n, first
}

// The Go runtime has no supported way to read the stack of one other goroutine. It has two ways to
// read those of all:
//
//   - runtime.Stack prints them with the arguments of functions, so fiberTag tells whose stack is
//     whose. It stops the world for about 10 us for each goroutine. sysmon calls it if there are
//     few goroutines.
//   - The goroutine profile stops the world only for a moment at its beginning and at its end. A
//     goroutine that would run before the profile has come to it adds its own stack first. It takes
//     about 3 us of CPU time and 420 bytes for each goroutine. So it is done in the background (a
//     survey). It has no arguments. But the stack of a task that waits ends in a switch, so what is
//     left are the stacks of the tasks that run, seldom more than there are workers.

// A stalled is a stall that sysmon has seen at the time at.
type stalled struct {
	Stall
	worker   watchedWorker
	dispatch preempt.Dispatch
	at       int64
}

// goesOn reports whether the dispatch goes on.
func (st *stalled) goesOn() bool {
	d, ok := st.worker.Dispatch()
	return ok && d == st.dispatch
}

// stacks are what sysmon has read of the stacks of all goroutines. Only sysmon touches them, and
// Close after the end of sysmon.
type stacks struct {
	text    []byte // what runtime.Stack printed at the time at, or nil
	at      int64
	survey  *look.Survey // under way, or so young that the next one has to wait, or nil
	waiting []stalled    // stalls whose reports wait for survey, at most one for each worker
}

const (
	// If there are at most mostStacks goroutines, sysmon prints the stacks of all by runtime.Stack.
	mostStacks = 1000
	// If there are more than that, but at most mostSurveyed, sysmon starts a survey. With a million
	// goroutines a survey takes 3 s of CPU time, and other tasks waited for up to a third of a
	// second meanwhile.
	mostSurveyed = 100_000
	// stacksPause is the least time from one reading of the stacks to the next.
	stacksPause = int64(time.Second)
	// surveyPause is the least time from the end of one survey to the next, in durations of the
	// survey. So surveys take one hundredth of the time of one CPU.
	surveyPause = 100
	stackSize   = 8 << 10 // bytes of text that are reserved for each goroutine
)

// findStack sets st.Stack, if that can be known. It returns false if st has to wait for a survey;
// then reportSurveyed reports it. Only sysmon calls it.
func (m *sysmon) findStack(st *stalled) bool {
	k := &m.stacks
	since := st.at - int64(st.Age) // the task has had the worker since then
	if k.text == nil && k.survey == nil {
		if n := runtime.NumGoroutine(); n <= mostStacks {
			k.at = st.at
			k.text = make([]byte, n*stackSize)
			k.text = k.text[:runtime.Stack(k.text, true)]
		} else if n <= mostSurveyed {
			k.survey = look.NewSurvey(st.at, m.s.now)
		}
	}
	switch v := k.survey; {
	case k.text != nil && k.at >= since:
		st.Stack = stackOf(k.text, tagOf(st.worker.Fib.Load()).text())
	case v != nil && v.At >= since:
		if !v.Over() {
			k.waiting = append(k.waiting, *st)
			return false
		}
		m.takeStack(st)
	}
	return true
}

// stackOf returns the paragraph of text that has tag, or "".
func stackOf(text, tag []byte) string {
	i := bytes.Index(text, tag)
	if i < 0 {
		return ""
	}
	from := bytes.LastIndex(text[:i], []byte("\n\n"))
	if from < 0 {
		from = 0
	} else {
		from += 2
	}
	to := bytes.Index(text[i:], []byte("\n\n"))
	if to < 0 {
		to = len(text) - i
	}
	return string(text[from : i+to])
}

// reportSurveyed reports the stalls that wait for a survey, if that is over. It drops old stacks.
// sysmon calls it at each tick. It returns when sysmon has to call it again, or 0.
func (m *sysmon) reportSurveyed(now int64) (next int64) {
	k := &m.stacks
	if k.text != nil && now-k.at >= stacksPause {
		k.text = nil
	}
	v := k.survey
	if v == nil {
		return 0
	}
	if !v.Over() {
		return now + int64(preempt.MaxTick)
	}
	waiting := k.waiting
	k.waiting = nil
	for i := range waiting {
		m.takeStack(&waiting[i])
		m.report(&waiting[i].Stall)
	}
	if now-v.End >= max(stacksPause, surveyPause*(v.End-v.At)) {
		k.survey = nil
	}
	return 0
}

// endSurvey waits for the survey that is under way, and reports the stalls that wait for it. Close
// calls it after the end of sysmon.
func (m *sysmon) endSurvey() {
	if v := m.stacks.survey; v != nil {
		<-v.Done
		m.reportSurveyed(m.s.now())
	}
}

// takeStack sets st.Stack to what the survey has found. If the dispatch has ended meanwhile, the
// survey may have come too late for it, so takeStack leaves Stack empty.
func (m *sysmon) takeStack(st *stalled) {
	if !st.goesOn() {
		return
	}
	now := m.s.now()
	st.Age += time.Duration(now - st.at)
	st.at = now
	name := ""
	if m.s.looks&rt.LookLabels != 0 {
		name = st.Name
	}
	st.Stack = m.stacks.survey.Stack(name)
}
