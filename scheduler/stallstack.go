package scheduler

import (
	"bytes"
	"fmt"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"
	"unsafe"

	"github.com/heddle-go/heddle/internal/fiber"
	"github.com/heddle-go/heddle/internal/preempt"
	"github.com/heddle-go/heddle/internal/rt"
)

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

// A fiberTag is an argument of progress.loop that only shows in a printed stack. The Go runtime
// prints the arguments of functions as they are in memory. An array is never passed in registers,
// so these words are always there, and tell the stack of one fiber from those of all others.
type fiberTag [2]uintptr

func tagOf(f *fiber.Fiber) fiberTag {
	at := uintptr(unsafe.Pointer(f))
	return fiberTag{at, at}
}

// text returns what a printed stack shows of the tag.
func (t fiberTag) text() []byte { return fmt.Appendf(nil, "{%#x, %#x}", t[0], t[1]) }

// A stalled is a stall that sysmon has seen at the time at.
type stalled struct {
	Stall
	unit     unit
	dispatch preempt.Dispatch
	at       int64
}

// goesOn reports whether the dispatch goes on.
func (st *stalled) goesOn() bool {
	d, ok := st.unit.Dispatch()
	return ok && d == st.dispatch
}

// stacks are what sysmon has read of the stacks of all goroutines. Only sysmon touches them, and
// Close after the end of sysmon.
type stacks struct {
	text    []byte // what runtime.Stack printed at the time at, or nil
	at      int64
	survey  *survey   // under way, or so young that the next one has to wait, or nil
	waiting []stalled // stalls whose reports wait for survey, at most one for each worker
}

const (
	// mostStacks is up to how many goroutines sysmon has the Go runtime print their stacks.
	mostStacks = 1000
	// mostSurveyed is up to how many goroutines sysmon has a survey made. With a million, a survey
	// takes 3 s of CPU time, and other tasks were seen to wait for a third of a second meanwhile.
	mostSurveyed = 100_000
	// stacksPause is the least time from one reading of the stacks to the next.
	stacksPause = int64(time.Second)
	// surveyPause is the least time from the end of one survey to the next, in durations of the
	// survey. So surveys take one hundredth of the time of one CPU.
	surveyPause = 100
	stackSize   = 8 << 10 // bytes of text that are reserved for each goroutine
	mostShown   = 16      // stacks in a report that cannot tell which of them is the task's
)

// findStack sets st.Stack, if that can be known. It returns false if st has to wait for a survey;
// then reportSurveyed reports it. Only sysmon calls it.
func (s *Scheduler) findStack(st *stalled) bool {
	k := &s.sysmon.stacks
	since := st.at - int64(st.Age) // the task has had the worker since then
	if k.text == nil && k.survey == nil {
		if n := runtime.NumGoroutine(); n <= mostStacks {
			k.at = st.at
			k.text = make([]byte, n*stackSize)
			k.text = k.text[:runtime.Stack(k.text, true)]
		} else if n <= mostSurveyed {
			k.survey = s.newSurvey(st.at)
		}
	}
	switch v := k.survey; {
	case k.text != nil && k.at >= since:
		st.Stack = stackOf(k.text, tagOf(st.unit.Fib.Load()).text())
	case v != nil && v.at >= since:
		if !v.over() {
			k.waiting = append(k.waiting, *st)
			return false
		}
		s.takeStack(st)
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
func (s *Scheduler) reportSurveyed(now int64) (next int64) {
	k := &s.sysmon.stacks
	if k.text != nil && now-k.at >= stacksPause {
		k.text = nil
	}
	v := k.survey
	if v == nil {
		return 0
	}
	if !v.over() {
		return now + int64(preempt.MaxTick)
	}
	waiting := k.waiting
	k.waiting = nil
	for i := range waiting {
		s.takeStack(&waiting[i])
		s.report(waiting[i].Stall)
	}
	if now-v.end >= max(stacksPause, surveyPause*(v.end-v.at)) {
		k.survey = nil
	}
	return 0
}

// endSurvey waits for the survey that is under way, and reports the stalls that wait for it. Close
// calls it after the end of sysmon.
func (s *Scheduler) endSurvey() {
	if v := s.sysmon.stacks.survey; v != nil {
		<-v.done
		s.reportSurveyed(s.now())
	}
}

// takeStack sets st.Stack to what the survey has found. If the dispatch has ended meanwhile, the
// survey may have come too late for it, so takeStack leaves Stack empty.
func (s *Scheduler) takeStack(st *stalled) {
	if !st.goesOn() {
		return
	}
	now := s.now()
	st.Age += time.Duration(now - st.at)
	st.at = now
	name := ""
	if s.looks&rt.LookLabels != 0 {
		name = st.Name
	}
	st.Stack = s.sysmon.stacks.survey.stack(name)
}

// A survey reads the stacks of the tasks that run from a goroutine profile.
type survey struct {
	at   int64         // when it began
	done chan struct{} // closed when the other fields are set
	end  int64
	runs []string // paragraphs of the profile
}

// newSurvey begins a survey on a goroutine of its own, because a survey of many goroutines takes
// seconds.
func (s *Scheduler) newSurvey(now int64) *survey {
	v := &survey{at: now, done: make(chan struct{})}
	go func() {
		defer close(v.done)
		var f sieve
		_ = pprof.Lookup("goroutine").WriteTo(&f, 1) // a sieve returns no error
		v.runs, v.end = f.runs, s.now()
	}()
	return v
}

func (v *survey) over() bool {
	select {
	case <-v.done:
		return true
	default:
		return false
	}
}

// stack returns the stacks that may be those of a task that runs. If name is not "", the task has
// the label of that name: see WithNameLabels.
func (v *survey) stack(name string) string {
	runs := v.runs
	if name != "" {
		runs = nil
		label := fmt.Sprintf("%q:%q", nameLabel, name)
		for _, p := range v.runs {
			if labels, _, _ := strings.Cut(p, "\n#\t"); strings.Contains(labels, label) {
				runs = append(runs, p)
			}
		}
	}
	var b strings.Builder
	if len(runs) > 1 {
		fmt.Fprintf(&b, "one of the %d stacks of tasks that ran at that moment:\n\n", len(runs))
	}
	for i, p := range runs[:min(len(runs), mostShown)] {
		if i > 0 {
			b.WriteByte('\n')
		}
		for _, f := range profiledFrames(p) {
			fmt.Fprintf(&b, "%s(...)\n\t%s\n", f.function, f.site)
		}
	}
	return b.String()
}

// A sieve is a writer that keeps, of a goroutine profile in text form, the stacks of tasks that
// run. It needs memory for one stack, and for those that it keeps.
type sieve struct {
	rest []byte // the beginning of a paragraph
	runs []string
}

// Write implements io.Writer.
func (f *sieve) Write(p []byte) (int, error) {
	f.rest = append(f.rest, p...)
	for {
		stack, rest, whole := bytes.Cut(f.rest, []byte("\n\n"))
		if !whole {
			return len(p), nil
		}
		if s := string(stack); ofRunningTask(s) {
			f.runs = append(f.runs, s)
		}
		f.rest = append(f.rest[:0], rest...)
	}
}

// A profiledFrame is a function call in a goroutine profile.
type profiledFrame struct{ function, site string }

// profiledFrames returns the frames in a paragraph of a goroutine profile in text form, the
// innermost first. A line is "#", the address, the function with an offset, and the file and line.
// Tabs stand between them.
func profiledFrames(stack string) (fs []profiledFrame) {
	for line := range strings.Lines(stack) {
		rest, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "#\t")
		if !ok {
			continue
		}
		_, rest, _ = strings.Cut(rest, "\t")
		name, site, _ := strings.Cut(rest, "\t")
		if i := strings.LastIndex(name, "+0x"); i >= 0 {
			name = name[:i]
		}
		fs = append(fs, profiledFrame{name, strings.TrimLeft(site, "\t")})
	}
	return fs
}

// ofRunningTask reports whether the paragraph of a profile is the stack of a task that runs on a
// worker or is blocked there, and not of a task that waits, or of a worker that looks for work.
func ofRunningTask(stack string) bool {
	const in = modulePath + "scheduler."
	fs := profiledFrames(stack)
	for i, f := range fs {
		if f.function != in+"(*progress).loop" {
			continue
		}
		if i == 0 {
			return false
		}
		switch strings.TrimPrefix(fs[i-1].function, in) {
		case "(*progress).next", "(*loopFiber).endTask":
			return false // a worker between two tasks
		}
		// A task that waits has switched to another fiber. A task that is blocked in an iter.Pull of
		// its own has called that from another package.
		return !strings.HasPrefix(fs[0].function, "iter.Pull[") ||
			!strings.HasPrefix(fs[1].function, in) &&
				!strings.HasPrefix(fs[1].function, modulePath+"internal/")
	}
	return false
}
