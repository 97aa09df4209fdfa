package scheduler

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/heddle-go/heddle/internal/pprofile"
	"github.com/heddle-go/heddle/internal/rt"
)

// WithWaitProfile makes the scheduler sample how long its tasks wait in package tsync, for other
// tasks, and in parallel joins, with their stacks. [Scheduler.WriteWaitProfile] writes the profile.
// Sleeps, timers and blocking calls do not count.
//
// The scheduler samples on average one wait in each rate of time that tasks spend waiting. It takes
// every wait of rate or longer. Shorter ones are taken in proportion to their length and count for
// as many as they stand for. The rate is 1 ns or more; with 1 ns every wait is taken. Each wait
// reads the clock twice, and each sample walks the stack.
func WithWaitProfile(rate time.Duration) Option {
	return optionFunc(func(c *config) error {
		if rate < 1 {
			return fmt.Errorf("scheduler: WithWaitProfile(%v): want 1ns or more; leave the option out for none", rate)
		}
		c.looks |= rt.LookTimes
		c.waitRate = rate
		return nil
	})
}

var errNoWaitProfile = errors.New("scheduler: this scheduler samples no waits: give New the option WithWaitProfile")

// WriteWaitProfile writes the waits that [WithWaitProfile] has sampled since the scheduler was
// made, in the format of go tool pprof. The values are the number of waits, and the time in
// nanoseconds from the beginning of a wait until the task runs again. The label named wait says
// what each wait was for, in the words of Dump; pprof's -tagfocus and -tagroot use it. A stack
// begins with the function of tsync, task or parallel that waits, and ends with the task's
// function.
//
// It returns an error without the option, and the error of w, if there is one. Any goroutine or
// task may call it, at any time. It blocks the calling goroutine as long as w does.
func (s *Scheduler) WriteWaitProfile(w io.Writer) error {
	s.check()
	if s.looks&rt.LookTimes == 0 {
		return errNoWaitProfile
	}
	return s.waitProfile.writeTo(w, s.cfg.waitRate, s.start)
}

// A WaitPlace is a place in the program at which tasks have waited, in [Scheduler.WaitPlaces].
type WaitPlace struct {
	// At is the innermost place that is not in this library. It is unknown for the waits of more
	// stacks than the profile tells apart.
	At       Site
	WaitsFor string        // in the words of Dump: "mutex"
	Waits    uint64        // how many waits the sampled ones stand for
	Waited   time.Duration // how long they took together
}

// WaitPlaces returns the places at which tasks have waited since the scheduler was made, as
// [WithWaitProfile] has sampled them. The place at which they waited longest comes first. There are
// at most 10,001. It returns an error without the option. Any goroutine or task may call it, at any
// time. It neither parks nor blocks for long.
func (s *Scheduler) WaitPlaces() ([]WaitPlace, error) {
	s.check()
	if s.looks&rt.LookTimes == 0 {
		return nil, errNoWaitProfile
	}
	return s.waitProfile.places(), nil
}

func (p *waitProfile) places() []WaitPlace {
	// A line can have several addresses, and where its function is inlined, a closure in it has
	// several names.
	type key struct {
		file     string
		line     int
		waitsFor string
	}
	type sum struct {
		at Site
		waitCount
	}
	sums := make(map[key]*sum)
	count := func(at Site, waitsFor string, c waitCount) {
		f := at.Frame()
		k := key{f.File, f.Line, waitsFor}
		if sums[k] == nil {
			sums[k] = &sum{at: at}
		}
		sums[k].n += c.n
		sums[k].ns += c.ns
	}
	all, more := p.read()
	for i := range all {
		x := &all[i]
		first := 0
		for first < len(x.stack)-1 && x.stack[first] != 0 && ours(x.stack[first]) {
			first++
		}
		count(Site{x.stack[first]}, x.reason.String(), x.waitCount)
	}
	if more.n > 0 {
		count(Site{}, moreStacks, more)
	}
	places := make([]WaitPlace, 0, len(sums))
	for k, x := range sums {
		places = append(places, WaitPlace{x.at, k.waitsFor, uint64(x.n + 0.5), time.Duration(x.ns + 0.5)})
	}
	slices.SortFunc(places, func(a, b WaitPlace) int {
		return cmp.Or(cmp.Compare(b.Waited, a.Waited), cmp.Compare(b.Waits, a.Waits), cmp.Compare(a.At.pc, b.At.pc),
			cmp.Compare(a.WaitsFor, b.WaitsFor))
	})
	return places
}

// moreStacks is how profiles name the waits of more stacks than they tell apart.
const moreStacks = "more stacks than the profile holds"

const (
	maxWaitDepth  = 64     // frames of a stack
	maxWaitStacks = 10_000 // stacks that a profile tells apart
)

// A waitProfile has the waits that were sampled, by stack and reason.
type waitProfile struct {
	mu   sync.Mutex
	at   map[waitKey]*waitCount
	more waitCount // those whose stacks came when at was full
}

type waitKey struct {
	reason rt.WaitReason
	stack  [maxWaitDepth]uintptr // unused entries are 0
}

type waitCount struct{ n, ns float64 }

// uncounted reports whether waits for y are left out.
func uncounted(y rt.WaitReason) bool {
	switch y {
	case rt.WaitSleep, rt.WaitTimer, rt.WaitNever, rt.WaitBlocking:
		return true
	}
	return false
}

// add counts n waits for y that took ns together, at the caller's stack. skip is as for
// runtime.Callers.
func (p *waitProfile) add(skip int, y rt.WaitReason, n, ns float64) {
	k := waitKey{reason: y}
	runtime.Callers(skip+1, k.stack[:])
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at == nil {
		p.at = make(map[waitKey]*waitCount)
	}
	c := p.at[k]
	switch {
	case c != nil:
	case len(p.at) < maxWaitStacks:
		c = new(waitCount)
		p.at[k] = c
	default:
		c = &p.more
	}
	c.n += n
	c.ns += ns
}

// sampleWait decides whether to sample a wait of the running task that took ns, and if so counts
// it. A wait shorter than the rate is sampled with probability ns/rate, and counts for rate/ns
// waits.
func (w *worker) sampleWait(y rt.WaitReason, ns int64) {
	rate := int64(w.s.cfg.waitRate)
	ns = max(ns, 1)
	switch {
	case ns >= rate:
		w.s.waitProfile.add(5, y, 1, float64(ns))
	case w.rng.Int64N(rate) < ns:
		w.s.waitProfile.add(5, y, float64(rate)/float64(ns), float64(rate))
	}
}

func (p *waitProfile) writeTo(w io.Writer, rate time.Duration, since time.Time) error {
	return p.profile(rate, since, shownFrame).Write(w)
}

// profile returns the profile of the frames that keep keeps. It does so without the lock, because
// the workers that sample waits take that.
func (p *waitProfile) profile(rate time.Duration, since time.Time, keep func(f *runtime.Frame) bool) *pprofile.Profile {
	f := pprofile.New([]pprofile.ValueType{{Type: "waits", Unit: "count"}, {Type: "delay", Unit: "nanoseconds"}},
		int64(rate), since)
	f.Keep = keep
	sample := func(stack []uintptr, label string, c waitCount) {
		f.Add(pprofile.Sample{
			Stack: stack, Values: []int64{int64(c.n + 0.5), int64(c.ns + 0.5)}, Label: [2]string{"wait", label},
		})
	}
	all, more := p.read()
	for i := range all {
		x := &all[i]
		sample(x.stack[:depth(&x.stack)], x.reason.String(), x.waitCount)
	}
	if more.n > 0 {
		sample(nil, moreStacks, more)
	}
	return f
}

// A waitSample is one entry of a waitProfile.
type waitSample struct {
	waitKey
	waitCount
}

// read returns a copy of the profile. It only holds the lock while it copies, a few milliseconds at
// most.
func (p *waitProfile) read() (all []waitSample, more waitCount) {
	p.mu.Lock()
	n := len(p.at)
	p.mu.Unlock()
	all = make([]waitSample, 0, n+64) // not under the lock
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, c := range p.at {
		all = append(all, waitSample{k, *c})
	}
	return all, p.more
}

func depth(stack *[maxWaitDepth]uintptr) (n int) {
	for n < len(stack) && stack[n] != 0 {
		n++
	}
	return n
}

// shownFrame reports whether profiles show f. Of this library they show the functions that users
// call, but not the worker's code above and below a task's code.
func shownFrame(f *runtime.Frame) bool {
	path, ok := strings.CutPrefix(f.Function, modulePath)
	if !ok {
		return !fileIsOurs(f.File) && !strings.HasPrefix(f.Function, "runtime.") && !strings.HasPrefix(f.Function, "iter.")
	}
	if !oursIs(f.Function) {
		return !fileIsOurs(f.File)
	}
	if strings.HasPrefix(path, "internal/") || strings.HasPrefix(path, "scheduler.") {
		return false
	}
	_, name, _ := strings.Cut(path[strings.LastIndexByte(path, '/')+1:], ".")
	for part := range strings.SplitSeq(strings.ReplaceAll(name, "[...]", ""), ".") {
		if part = strings.TrimLeft(part, "(*"); part == "" || part[0] < 'A' || part[0] > 'Z' {
			return false
		}
	}
	return true
}
