package scheduler

import (
	"context"
	"runtime"
	"strings"
	"sync"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// An rt.Look has what a task notes about itself for people to read. This file says when the task
// notes it: at its start (born), and before and after each wait (suspend). If no option asks for
// such notes, each start and each wait only pays for one comparison.

// WithWaits makes the scheduler's tasks note what they wait for, who started them and how long they
// run, for [Scheduler.Tasks], [Scheduler.Deadlocks] and [Scheduler.Dump]. It also makes the locks of
// package tsync note which task holds them.
//
// Each start of a task then costs two more allocations, 416 bytes together, each wait takes two more
// short locks, and each dispatch reads the clock once or twice. While any scheduler of the process
// has the option, taking a lock of package tsync costs several times as much as without, because the
// lock has to find out which task takes it. A lock that is held when the first such scheduler is
// made does not know its holder. BenchmarkLooking in the folder benchmarks shows what the options
// cost.
func WithWaits() Option {
	return optionFunc(func(c *config) error {
		c.looks |= rt.LookWaits
		return nil
	})
}

// WithSites is [WithWaits], and the tasks also note where in the program they were started and
// where they wait. Each start and each wait then walks up to 32 frames of the stack. Each start
// allocates 512 bytes for them, so a live task takes 928 bytes more than without options. Tasks is
// no slower for it, because it copies one address of each stack. Stacks looks up the functions,
// which takes some microseconds for each task.
func WithSites() Option {
	return optionFunc(func(c *config) error {
		c.looks |= rt.LookWaits | rt.LookSites
		return nil
	})
}

// needLook is the set of looks for which every task needs an rt.Look.
const needLook = rt.LookWaits | rt.LookSites | rt.LookTrace | rt.LookRing

// born prepares the extension x of a task that is about to start. If the task needs an rt.Look,
// born adds one, to a new extension if x is nil. starter is the task that starts it, or nil. born
// returns the extension. Call it only if s.looks is not 0.
func (s *Scheduler) born(x *rt.Extra, starter *rt.Task) *rt.Extra {
	var labels context.Context
	if s.looks&rt.LookLabels != 0 && x != nil && x.Name != "" {
		labels = nameLabels(x)
	}
	if s.looks&needLook == 0 && labels == nil {
		return x
	}
	if x == nil {
		x = &rt.Extra{}
	}
	k := &rt.Look{Labels: labels}
	if starter != nil {
		k.Starter = rt.HandleOf(starter, starter.Gen())
	}
	if s.looks&rt.LookSites != 0 {
		k.Stacks = new(rt.Stacks)
		userStack(&k.Stacks.Started)
		k.Started = k.Stacks.Started[0]
	}
	x.Look = k
	return x
}

// submitted is born for a task that does not come by Spawn. It finds the starter: the task that the
// caller runs as, or for whose blocking call the caller runs.
func (s *Scheduler) submitted(x *rt.Extra) *rt.Extra {
	d := rt.Current()
	if d == nil {
		if d = rt.Inside(); d != nil {
			if f, ok := d.Fn().(*rt.Frame); ok {
				d = f.Forker // the caller is a function of that task's Blocking
			}
		}
	}
	return s.born(x, d)
}

// suspend parks d, as worker.Park does, and notes the wait. end is the task whose end d waits for,
// or the zero Handle. due is the time of the worker's clock if d goes to sleep, otherwise 0. The
// workers of schedulers with looks use it in place of the code that Park, ParkFor, ParkReady and
// Sleep contain. Directed workers have worker.wait instead.
func (w *worker) suspend(d *rt.Task, k rt.Park, end rt.Handle, due int64) {
	note := w.noteWait(d, k, end)
	w.shareForks(d)
	w.notePark(d, k)
	var n *rt.Task
	if due != 0 {
		n = w.pickDue(due)
	} else {
		n = w.pick()
	}
	w.wish.t = nil // see ParkFor
	if self := w.prepareSwitch(d, n, w.onPark); self.AtNext() {
		self.Next()()
	} else {
		self.Yield()(struct{}{})
	}
	resume(d)
	note.back(d, k)
}

// A waitNote has what back needs to know of a wait.
type waitNote struct {
	look  *rt.Look   // nil if the task does not note its waits
	trace *taskTrace // nil without LookTrace
	timed bool       // the wait may be sampled
	began int64      // if timed
}

// noteWait notes that the running task d is about to wait. end is as for suspend. The caller calls
// back after the wait.
func (w *worker) noteWait(d *rt.Task, k rt.Park, end rt.Handle) (n waitNote) {
	n.look = w.beginWait(d, k, end)
	if w.counts() {
		w.waitedAt = w.runStops(d)
	}
	if n.timed = w.Looks&rt.LookTimes != 0 && !uncounted(k.WaitReason()); n.timed {
		n.began = w.s.now()
	}
	if n.trace = traceOf(d); n.trace != nil {
		n.trace.enter(waitRegion(k.WaitReason()))
	}
	if w.Looks&rt.LookRing != 0 {
		w.ringEnd(k.WaitReason().String())
	}
	return n
}

// back notes that the wait k of the running task d is over. Its caller has to be suspend or wait,
// called by a method of rt.Host: sampleWait leaves out the frames up to there.
func (n *waitNote) back(d *rt.Task, k rt.Park) {
	if n.timed {
		w := workerOf(d)
		w.sampleWait(k.WaitReason(), w.s.now()-n.began)
	}
	if n.look != nil {
		n.look.End()
	}
	if n.trace != nil {
		n.trace.enter("run")
	}
}

// beginWait is called before a wait of the running task d. If d notes its waits, beginWait notes
// this one and returns d's rt.Look, whose End the caller has to call after the wait. Otherwise it
// returns nil.
func (w *worker) beginWait(d *rt.Task, k rt.Park, end rt.Handle) *rt.Look {
	x := d.Extra()
	if x == nil || x.Look == nil || w.Looks&rt.LookWaits == 0 {
		return nil
	}
	x.Look.Begin(k.WaitReason(), end, userStack)
	return x.Look
}

// ---- Sites

// A Site is a place in the program, in the code that uses this module. The zero Site is unknown.
type Site struct{ pc uintptr }

// Frame returns the function, file and line. The fields are zero if the site is unknown.
func (p Site) Frame() (f runtime.Frame) {
	if p.pc != 0 {
		f, _ = runtime.CallersFrames([]uintptr{p.pc}).Next()
	}
	return f
}

// userStack stores the caller's stack in s, without the frames of this library at its inner end.
// Those count too, so of a deep stack s has some frames less than it has room for.
func userStack(s *rt.Stack) {
	n := runtime.Callers(2, s[:])
	first := 0
	for first < n && ours(s[first]) {
		first++
	}
	copy(s[:], s[first:n])
	clear(s[n-first:])
}

// framesOf returns the frames of s that profiles show.
func framesOf(s *rt.Stack) (frames []runtime.Frame) {
	for _, pc := range s {
		if pc == 0 {
			break
		}
		if f := (Site{pc}).Frame(); shownFrame(&f) {
			frames = append(frames, f)
		}
	}
	return frames
}

// Stacks returns where in the program task t was started or submitted, and if it waits, where. A
// stack begins with the innermost function that is not in this library, and ends at the function
// of the task that starts t, or of t. Of a deep stack, the outer frames are left out: it has up to
// 32 frames, those of this library included.
//
// Stacks needs [WithSites]. started is empty without it, if t has ended or is of another scheduler,
// and for a forked call. waits is also empty if t does not wait. Any goroutine or task may call
// Stacks, at any time. It neither parks nor blocks.
func (s *Scheduler) Stacks(t task.Task) (started, waits []runtime.Frame) {
	s.check()
	if !s.Has(t) {
		return nil, nil
	}
	h := rt.Handle(t)
	x := h.Task().Extra()
	if x == nil || x.Look == nil || x.Look.Stacks == nil {
		return nil, nil
	}
	stack := x.Look.WaitStack()
	if !h.Task().Status().Live(h.Gen()) {
		return nil, nil // x may be of the descriptor's next task
	}
	return framesOf(&x.Look.Stacks.Started), framesOf(&stack)
}

// known caches the results of ours. It has at most as many entries as the program's code has calls.
var known sync.Map // from uintptr to bool

// ours reports whether the return address pc is in this library.
func ours(pc uintptr) bool {
	if v, ok := known.Load(pc); ok {
		return v.(bool)
	}
	f, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	v := oursIs(f.Function) || fileIsOurs(f.File)
	known.Store(pc, v)
	return v
}

// oursIs reports whether the function belongs to this library, or to the packages runtime and iter,
// through which this library calls users' functions.
func oursIs(function string) bool {
	dir, name := "", function
	if i := strings.LastIndexByte(function, '/'); i >= 0 {
		dir, name = function[:i+1], function[i+1:]
	}
	pkg, _, _ := strings.Cut(name, ".")
	path, ok := strings.CutPrefix(dir+pkg, modulePath)
	if !ok {
		return dir == "" && (pkg == "runtime" || pkg == "iter")
	}
	return dirIsOurs(path)
}

// dirIsOurs reports whether the folder of the module holds a package of this library.
func dirIsOurs(path string) bool {
	switch path {
	case "scheduler", "task", "task/tsync", "task/parallel":
		return true
	}
	return strings.HasPrefix(path, "internal/")
}

// fileIsOurs reports whether the file is one of this library. If the compiler inlines a function of
// the library into a user's, the closures in it get names in the user's package. Only their file
// tells whose they are.
func fileIsOurs(file string) bool {
	path, ok := strings.CutPrefix(file, moduleRoot)
	at := strings.LastIndexByte(path, '/')
	return ok && at >= 0 && dirIsOurs(path[:at]) && !strings.HasSuffix(path, "_test.go")
}

// moduleRoot is where the files of the module were when it was compiled, with a slash at the end.
var moduleRoot = func() string {
	_, file, _, _ := runtime.Caller(0)
	return strings.TrimSuffix(file, "scheduler/look.go")
}()

const modulePath = "github.com/heddle-go/heddle/"
