package look

import (
	"cmp"
	"io"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/heddle-go/heddle/internal/pprofile"
	"github.com/heddle-go/heddle/internal/rt"
)

// A Place is a place in the program at which tasks have waited.
type Place struct {
	At       uintptr // 0 for the waits of more stacks than the profile tells apart
	WaitsFor string
	Waits    uint64 // how many waits the sampled ones stand for
	Waited   time.Duration
}

// Places returns the places of the waits that were sampled. The place at which tasks waited longest
// comes first.
func (p *WaitProfile) Places() []Place {
	// A line can have several addresses, and where its function is inlined, a closure in it has
	// several names.
	type key struct {
		file     string
		line     int
		waitsFor string
	}
	type sum struct {
		at uintptr
		waitCount
	}
	sums := make(map[key]*sum)
	count := func(at uintptr, waitsFor string, c waitCount) {
		f := Frame(at)
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
		count(x.stack[first], x.reason.String(), x.waitCount)
	}
	if more.n > 0 {
		count(0, moreStacks, more)
	}
	places := make([]Place, 0, len(sums))
	for k, x := range sums {
		places = append(places, Place{x.at, k.waitsFor, uint64(x.n + 0.5), time.Duration(x.ns + 0.5)})
	}
	slices.SortFunc(places, func(a, b Place) int {
		return cmp.Or(cmp.Compare(b.Waited, a.Waited), cmp.Compare(b.Waits, a.Waits), cmp.Compare(a.At, b.At),
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

// A WaitProfile has the waits that were sampled, by stack and reason.
type WaitProfile struct {
	mu   sync.Mutex
	at   map[waitKey]*waitCount
	more waitCount // those whose stacks came when at was full
}

type waitKey struct {
	reason rt.WaitReason
	stack  [maxWaitDepth]uintptr // unused entries are 0
}

type waitCount struct{ n, ns float64 }

// Uncounted reports whether waits for y are left out.
func Uncounted(y rt.WaitReason) bool {
	switch y {
	case rt.WaitSleep, rt.WaitTimer, rt.WaitNever, rt.WaitBlocking:
		return true
	}
	return false
}

// Add counts n waits for y that took ns together, at the caller's stack. skip is as for
// runtime.Callers.
func (p *WaitProfile) Add(skip int, y rt.WaitReason, n, ns float64) {
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

// WriteTo writes the profile for go tool pprof. rate and since are those of the sampling.
func (p *WaitProfile) WriteTo(w io.Writer, rate time.Duration, since time.Time) error {
	return p.profile(rate, since, shownFrame).Write(w)
}

// profile returns the profile of the frames that keep keeps. It does so without the lock, because
// the workers that sample waits take that.
func (p *WaitProfile) profile(rate time.Duration, since time.Time, keep func(f *runtime.Frame) bool) *pprofile.Profile {
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

// A waitSample is one entry of a WaitProfile.
type waitSample struct {
	waitKey
	waitCount
}

// read returns a copy of the profile. It only holds the lock while it copies, a few milliseconds at
// most.
func (p *WaitProfile) read() (all []waitSample, more waitCount) {
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
