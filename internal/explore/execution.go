package explore

import (
	"fmt"
	"math/bits"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
)

const maxThreads = 64 // a set of threads is a word of bits

// A thread is a goroutine that runs only while it has the turn. Only the goroutine that has the
// turn touches its fields.
type thread struct {
	id   int
	name string
	run  func()
	// resume receives the turn. It is buffered, so that handing the turn over does not wait.
	resume chan struct{}

	what     string      // the operation with which its next turn begins
	where    string      // where that operation is in the source; set when tracing
	cond     func() bool // if not nil, the thread cannot go on until cond holds
	started  bool
	finished bool
	behind   uint64 // after a Yield: the threads that must have a turn first
}

// An execution is one run of a model under one schedule.
//
// The turn goes from thread to thread, without another goroutine in between. When the thread that
// has the turn comes to a point, it asks the strategy for its successor and hands the turn over
// through the successor's resume channel. The goroutine that called execute has the turn first and
// last.
type execution struct {
	threads  []*thread
	strategy Strategy
	maxSteps int
	patience int
	tracing  bool

	running  *thread // the thread that has the turn
	row      int     // the number of turns in a row that running has had
	schedule Schedule
	trace    []Step
	failure  *Failure
	quiet    bool          // a condition is being evaluated, and its points do nothing
	over     bool          // the threads unwind: points do nothing; a thread with the turn exits
	done     chan struct{} // the turn returns to execute
	threadWG sync.WaitGroup
	options  []int // memory that hand uses again
}

// active is the execution whose threads are running, or nil.
var active atomic.Pointer[execution]

// execute runs the model once.
func execute(s Strategy, maxSteps, patience int, tracing bool, setup func(*Model)) *execution {
	var m Model
	setup(&m)
	if len(m.threads) == 0 {
		panic("explore: a model without threads: add some with Model.Thread")
	}
	x := &execution{threads: m.threads, strategy: s, maxSteps: maxSteps, patience: patience, tracing: tracing, done: make(chan struct{}, 1)}
	s.Begin(len(m.threads))
	active.Store(x)
	for _, t := range x.threads {
		x.threadWG.Go(func() { x.runThread(t) })
	}
	x.hand(nil)
	<-x.done
	if x.failure != nil {
		x.unwind()
	}
	x.threadWG.Wait()
	active.Store(nil)

	if x.failure == nil && m.check != nil {
		if err := m.check(); err != nil {
			x.fail(CheckFailed, err.Error())
		}
	}
	return x
}

// runThread is the body of a thread's goroutine.
func (x *execution) runThread(t *thread) {
	<-t.resume
	if x.over {
		return
	}
	defer func() {
		if r := recover(); r != nil {
			x.fail(Panicked, fmt.Sprintf("%s: panic: %v\n%s", t.name, r, debug.Stack()))
		}
		t.finished = true
		if x.failure != nil {
			x.done <- struct{}{} // to execute, or to unwind
			return
		}
		x.hand(t)
	}()
	t.run()
}

// unwind ends the threads that have not finished, one after the other, after a failure. They exit
// by Goexit and not by a panic, so that code that recovers from panics does not stop them.
func (x *execution) unwind() {
	x.over = true
	for _, t := range x.threads {
		if t.finished {
			continue
		}
		t.resume <- struct{}{}
		if t.started {
			<-x.done
		}
	}
}

// point gives up the turn before the operation named what, and returns when the thread has the turn
// again.
func (x *execution) point(what string, cond func() bool, yield bool) {
	if x.quiet {
		return
	}
	if x.failure != nil {
		// This is a deferred call of a thread that is being unwound. It may finish, but must not
		// wait.
		if cond != nil && !x.holds(cond) {
			runtime.Goexit()
		}
		return
	}
	t := x.running
	t.what, t.cond = what, cond
	if x.tracing {
		t.where = caller()
	}
	if yield || x.patience > 0 && x.row >= x.patience {
		t.behind = x.enabled() &^ (1 << t.id)
	}
	if x.hand(t) == t {
		return
	}
	<-t.resume
	if x.over {
		runtime.Goexit()
	}
}

// enabled returns the set of the threads that can run.
func (x *execution) enabled() uint64 {
	var set uint64
	for _, t := range x.threads {
		if !t.finished && (t.cond == nil || x.holds(t.cond)) {
			set |= 1 << t.id
		}
	}
	return set
}

func (x *execution) holds(cond func() bool) bool {
	x.quiet = true
	defer func() { x.quiet = false }()
	return cond()
}

// hand chooses the thread that has the next turn and returns it. Unless that thread is the caller t
// itself, hand passes the turn on. t is nil for the first turn.
func (x *execution) hand(t *thread) *thread {
	enabled := x.enabled()
	if enabled == 0 {
		x.finish()
		return nil
	}
	if len(x.schedule) >= x.maxSteps {
		x.fail(TooLong, fmt.Sprintf("no end after %d steps: a livelock, or a model that is too large", x.maxSteps))
		x.done <- struct{}{}
		return nil
	}

	// A thread that has yielded waits until each enabled thread of its behind set has had a turn.
	// If all enabled threads wait so, hand chooses among all of them.
	ready := enabled
	for _, u := range x.threads {
		if u.behind&enabled != 0 {
			ready &^= 1 << u.id
		}
	}
	if ready == 0 {
		ready = enabled
	}

	// The options have a fixed order, with the thread that has the turn first. So a depth-first
	// search begins with the schedule that has no preemptions.
	x.options = x.options[:0]
	free := t == nil || ready&(1<<t.id) == 0 // the choice preempts no thread
	if !free {
		x.options = append(x.options, t.id)
		ready &^= 1 << t.id
	}
	for ; ready != 0; ready &= ready - 1 {
		x.options = append(x.options, bits.TrailingZeros64(ready))
	}
	i, err := x.strategy.Choose(x.options, free, len(x.schedule))
	if err != "" {
		x.fail(Diverged, err)
		x.done <- struct{}{}
		return nil
	}

	next := x.threads[x.options[i]]
	x.schedule = append(x.schedule, next.id)
	if x.tracing {
		x.trace = append(x.trace, Step{Thread: next.name, What: next.what, Where: next.where})
	}
	next.cond, next.behind = nil, 0
	for _, u := range x.threads {
		u.behind &^= 1 << next.id
	}
	if x.row++; next != x.running {
		x.row = 1
	}
	x.running = next
	if next != t {
		next.started = true
		next.resume <- struct{}{}
	}
	return next
}

// finish ends an execution in which no thread can go on.
func (x *execution) finish() {
	var stuck []string
	for _, t := range x.threads {
		if !t.finished {
			stuck = append(stuck, t.name+" in "+t.what)
		}
	}
	if stuck != nil {
		x.fail(Deadlock, "blocked for ever: "+strings.Join(stuck, ", "))
	}
	x.done <- struct{}{}
}

// fail records a failure if it is the first.
func (x *execution) fail(k Kind, message string) {
	if x.failure == nil {
		x.failure = &Failure{Kind: k, Message: message, Schedule: x.schedule, Trace: x.trace}
	}
}

// caller returns the source line of the innermost call outside this package and atomicx.
func caller() string {
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		f, more := frames.Next()
		if !strings.HasSuffix(f.File, "/atomicx/atomicx_model.go") && !strings.HasSuffix(f.File, "/explore/points.go") {
			return fmt.Sprintf("%s:%d", f.File[strings.LastIndexByte(f.File, '/')+1:], f.Line)
		}
		if !more {
			return ""
		}
	}
}
