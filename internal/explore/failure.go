package explore

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is the kind of a failure.
type Kind uint8

const (
	CheckFailed  Kind = iota + 1 // the final check returned an error
	AssertFailed                 // a thread called Failf
	Panicked                     // a thread panicked
	Deadlock                     // some threads have not finished, and none of them can go on
	TooLong                      // more steps than Config.MaxSteps
	Diverged                     // the model behaved differently under the same choices
)

var kinds = [...]string{
	CheckFailed: "check failed", AssertFailed: "assertion failed", Panicked: "panic",
	Deadlock: "deadlock", TooLong: "too long", Diverged: "diverged",
}

// String returns the kind in words.
func (k Kind) String() string {
	if int(k) < len(kinds) && kinds[k] != "" {
		return kinds[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// A Failure is a schedule under which a model fails.
type Failure struct {
	Kind     Kind
	Message  string
	Schedule Schedule
	Trace    []Step
}

// A Step is one turn of a thread. What is the operation with which the turn begins, and Where is
// its place in the source.
type Step struct{ Thread, What, Where string }

// Error returns the failure, the schedule in the form that ParseSchedule reads, and the steps.
func (f *Failure) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v: %s\nschedule %q", f.Kind, f.Message, f.Schedule)
	const most = 400 // a livelock has thousands of steps, and only the last ones matter
	steps := f.Trace
	if len(steps) > most {
		fmt.Fprintf(&b, "\n  ... %d steps", len(steps)-most)
		steps = steps[len(steps)-most:]
	}
	for i, s := range steps {
		fmt.Fprintf(&b, "\n  %3d %-10s %-24s %s", len(f.Trace)-len(steps)+i, s.Thread, s.What, s.Where)
	}
	return b.String()
}

// A Schedule is the list of the threads that have the turn, one after the other. Each number is the
// thread's index in the order in which the model added the threads.
type Schedule []int

// String returns the schedule with repeated turns counted: "0x3 1 0x2" means 0 0 0 1 0 0.
func (s Schedule) String() string {
	var b strings.Builder
	for i := 0; i < len(s); {
		n := 1
		for i+n < len(s) && s[i+n] == s[i] {
			n++
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(strconv.Itoa(s[i]))
		if n > 1 {
			fmt.Fprintf(&b, "x%d", n)
		}
		i += n
	}
	return b.String()
}

// ParseSchedule parses the result of Schedule.String. It returns an error if text has another form
// or names a thread above 63.
func ParseSchedule(text string) (Schedule, error) {
	var s Schedule
	for _, field := range strings.Fields(text) {
		thread, count, found := strings.Cut(field, "x")
		if !found {
			count = "1"
		}
		t, err := strconv.Atoi(thread)
		if err != nil || t < 0 || t >= maxThreads {
			return nil, fmt.Errorf("explore: %q in a schedule is not of the form 2 or 2x14", field)
		}
		n, err := strconv.Atoi(count)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("explore: %q in a schedule is not of the form 2 or 2x14", field)
		}
		for range n {
			s = append(s, t)
		}
	}
	return s, nil
}
