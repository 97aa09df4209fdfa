package look

import (
	"bytes"
	"fmt"
	"runtime/pprof"
	"strings"
)

// A Survey reads the stacks of the tasks that run from a goroutine profile.
type Survey struct {
	At   int64         // when it began
	Done chan struct{} // closed when the other fields are set
	End  int64
	Runs []string // paragraphs of the profile
}

// NewSurvey begins a survey at the time at, on a goroutine of its own, because a survey of many
// goroutines takes seconds. now returns the time.
func NewSurvey(at int64, now func() int64) *Survey {
	v := &Survey{At: at, Done: make(chan struct{})}
	go func() {
		defer close(v.Done)
		var f sieve
		_ = pprof.Lookup("goroutine").WriteTo(&f, 1) // a sieve returns no error
		v.Runs, v.End = f.runs, now()
	}()
	return v
}

// Over reports whether the survey has ended.
func (v *Survey) Over() bool {
	select {
	case <-v.Done:
		return true
	default:
		return false
	}
}

// Stack returns the stacks that may be those of a task that runs. If name is not "", the task has
// the label of that name: see scheduler.WithNameLabels.
func (v *Survey) Stack(name string) string {
	runs := v.Runs
	if name != "" {
		runs = nil
		label := fmt.Sprintf("%q:%q", nameLabel, name)
		for _, p := range v.Runs {
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

const mostShown = 16 // stacks in a report that cannot tell which of them is the task's

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
	const in = modulePath + "internal/engine."
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
		// A task that waits has switched to another fiber. A task that is blocked in an iter.Pull
		// of its own has called that from another package.
		return !strings.HasPrefix(fs[0].function, "iter.Pull[") ||
			!strings.HasPrefix(fs[1].function, in) &&
				!strings.HasPrefix(fs[1].function, modulePath+"internal/")
	}
	return false
}
