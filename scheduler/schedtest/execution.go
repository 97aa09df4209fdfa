package schedtest

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/heddle-go/heddle/internal/explore"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// patience is how many yield points a task may pass in a row while other tasks could run. After
// that the task stands back for the others, as if it had called Yield. Without this bound, a task
// that calls Checkpoint until another task has done something would never end in some schedules.
const patience = 200

// An execution is one run of a body under one schedule. It is the rt.Director of its scheduler.
// While the body runs, only the scheduler's worker, and the task that runs on it, use an execution.
// The exceptions are over, which is atomic, and fail, which mu guards.
type execution struct {
	strategy explore.Strategy
	seed     uint64 // of Rand
	maxSteps int
	traced   bool

	sched   *scheduler.Scheduler
	rng     *rand.Rand // of Rand; nil until it is asked for
	done    chan struct{}
	ended   bool // done is closed
	mainEnd bool // the body has returned

	choices     []int // the index that was chosen, each time there was more than one option
	steps       int   // yield points passed
	preemptions int
	row         int        // yield points that the running task has passed in a row
	suffered    int        // faults
	chance      *rand.Rand // decides when faults come; nil: the strategy decides
	faults      Faults
	latest      *taskInfo // the task that had the last turn
	print       maphash.Hash

	tasks   []*taskInfo // by number
	byDesc  map[*rt.Task]*taskInfo
	options []int
	order   []option
	trace   []step

	err  error // the scheduler's options are wrong
	over atomic.Bool
	mu   sync.Mutex
	fail *failure // the first; set before over
}

// An option is a task that may run next.
type option struct {
	id int // the task's number
	at int // the task's index among the ready tasks that the worker passed to Choose
}

// A taskInfo has what the execution knows about a task.
type taskInfo struct {
	id     int
	gen    uint32
	d      *rt.Task
	name   string // "" if it has none
	at     int    // the step at which Choose last found it ready
	behind []int  // after a Yield: the tasks that must have a turn before this one has another

	// Of traced executions.
	what, where string          // the operation of its next turn, and the place in the user's code
	waits       string          // the operation in which it waits, if it does
	holder      func() *rt.Task // returns the holder of the lock that it waits for; may be nil
}

// printSeed is the same for all executions of a process, so that their prints can be compared.
var printSeed = maphash.MakeSeed()

// execute runs the body once, under the strategy s, in a bubble of its own.
func execute(t *testing.T, cfg *config, s explore.Strategy, seed uint64, traced bool) *execution {
	x := &execution{
		strategy: s, seed: seed, maxSteps: cfg.Steps, traced: traced, faults: cfg.Faults,
		byDesc: make(map[*rt.Task]*taskInfo),
	}
	x.print.SetSeed(printSeed)
	if _, scripted := s.(*script); !scripted && cfg.Mode != DepthFirst {
		x.chance = rand.New(rand.NewPCG(seed, 3))
	}
	s.Begin(1)
	failed := t.Failed()
	func() {
		defer func() {
			if v := recover(); v != nil {
				x.blocked(fmt.Sprint(v))
			}
		}()
		synctest.Test(t, func(*testing.T) { x.run(cfg) })
	}()
	if x.err != nil {
		t.Fatalf("schedtest: Config.Options: %v", x.err)
	}
	if !failed && t.Failed() {
		x.failed(assertionFailed, "the test has failed, by its own t")
	}
	return x
}

// run is the execution, inside the bubble.
func (x *execution) run(cfg *config) {
	x.done = make(chan struct{})
	s, err := rt.NewDirected(x, cfg.Options)
	if err != nil {
		x.err = err
		return
	}
	x.sched = s.(*scheduler.Scheduler)
	x.sched.Go(func(c *task.Ctx) {
		defer func() { x.mainEnd = true }()
		cfg.body(c)
	}, task.Name("main"))
	<-x.done
	_ = x.sched.Close() // it never fails
}

// blocked notes the failure of a run that synctest.Test ended with the panic text. If the panic is
// about a deadlock, synctest has ended the bubble because none of its goroutines can go on. blocked
// raises any other panic again.
func (x *execution) blocked(text string) {
	if !strings.Contains(text, "deadlock") {
		panic(text)
	}
	k := goroutinesLeft
	message := "the body has ended, and goroutines that it has started wait for ever: " + text
	if !x.ended {
		k = deadlock
		message = fmt.Sprintf("%s blocks its worker, outside of heddle's operations (perhaps in a native "+
			"channel, lock or WaitGroup), and no goroutine can go on; use package tsync, task.Receive or "+
			"Ctx.Blocking%s: %s",
			x.latest.title(), x.where(x.latest), text)
	}
	x.failed(k, message)
}

// failed notes the first failure, and ends the execution.
func (x *execution) failed(k kind, message string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.fail == nil {
		x.fail = &failure{kind: k, message: message}
		x.over.Store(true)
	}
}

// info returns the taskInfo of d in its present life. It numbers a task that is new.
func (x *execution) info(d *rt.Task) *taskInfo {
	gen := d.Gen()
	if i := x.byDesc[d]; i != nil && i.gen == gen {
		return i
	}
	i := &taskInfo{id: len(x.tasks), gen: gen, d: d, name: d.Name(gen), what: "start"}
	x.tasks = append(x.tasks, i)
	x.byDesc[d] = i
	return i
}

// title returns the task's name, for people.
func (i *taskInfo) title() string {
	if i.name == "" {
		return fmt.Sprintf("task %d", i.id)
	}
	return i.name
}

// AwaitOutsiders implements rt.Director.
func (x *execution) AwaitOutsiders() { synctest.Wait() }

// Choose implements rt.Director.
func (x *execution) Choose(running *rt.Task, yields bool, ready []*rt.Task) int {
	if x.over.Load() {
		return -1
	}
	x.order = x.order[:0]
	for at, d := range ready {
		i := x.info(d)
		i.at = x.steps
		x.order = append(x.order, option{i.id, at})
	}
	slices.SortFunc(x.order, func(a, b option) int { return a.id - b.id })
	me := x.arrive(running)
	if x.steps++; x.steps > x.maxSteps {
		x.failed(livelock, fmt.Sprintf("no end after %d steps: a livelock, or a body that is too large "+
			"for Config.Steps%s", x.maxSteps, x.where(me)))
		return -1
	}
	if me != nil && (yields || x.row >= patience) {
		yields = true
		me.behind = me.behind[:0]
		for _, o := range x.order {
			me.behind = append(me.behind, o.id)
		}
	}
	free := me == nil || yields
	x.options = x.options[:0]
	if !free {
		x.options = append(x.options, me.id)
	}
	back := x.order[:0:0]
	for _, o := range x.order {
		if x.standsBack(x.tasks[o.id]) {
			back = append(back, o)
			continue
		}
		x.options = append(x.options, o.id)
	}
	if len(x.options) == 0 { // all of them stand back, for each other
		for _, o := range back {
			x.options = append(x.options, o.id)
		}
	}
	if len(x.options) == 0 {
		x.options = append(x.options, me.id)
	}
	k, diverged := x.strategy.Choose(x.options, free, x.steps-1)
	if diverged != "" {
		x.failed(notDeterministic, diverged)
		return -1
	}
	x.note(len(x.options), k)
	id := x.options[k]
	if !free && k != 0 {
		x.preemptions++
	}
	return x.turn(id, me)
}

// arrive notes at which yield point the running task is, and returns its taskInfo. It returns nil
// if no task runs.
func (x *execution) arrive(running *rt.Task) *taskInfo {
	if running == nil {
		return nil
	}
	me := x.info(running)
	if x.traced {
		me.what, me.where = caller()
		me.waits, me.holder = "", nil
	}
	return me
}

// standsBack reports whether i has yielded to a task that is ready and has not had a turn since.
func (x *execution) standsBack(i *taskInfo) bool {
	for _, id := range i.behind {
		if x.tasks[id].at == x.steps-1 {
			return true
		}
	}
	return false
}

// note records that option k of n was chosen.
func (x *execution) note(n, k int) {
	x.print.WriteByte(byte(n))
	x.print.WriteByte(byte(k))
	if n > 1 {
		x.choices = append(x.choices, k)
	}
}

// turn gives task id the turn. It returns the index of the task among the ready ones. If the task
// is me, the running task, turn returns -1.
func (x *execution) turn(id int, me *taskInfo) int {
	next := x.tasks[id]
	x.latest = next
	next.behind = next.behind[:0]
	for _, i := range x.tasks {
		if k := slices.Index(i.behind, id); k >= 0 {
			i.behind = slices.Delete(i.behind, k, k+1)
		}
	}
	x.print.WriteByte(byte(id))
	if x.traced {
		x.trace = append(x.trace, step{next.title(), id, next.what, next.where})
	}
	if next == me {
		x.row++
		return -1
	}
	x.row = 0
	for _, o := range x.order {
		if o.id == id {
			return o.at
		}
	}
	panic("schedtest: internal: the chosen task is not ready")
}

// where returns the last known place of a task, as the end of a message, or "" if none is known.
func (x *execution) where(i *taskInfo) string {
	if i == nil || i.where == "" {
		return ""
	}
	return fmt.Sprintf("; the last that is known of %s is %s at %s", i.title(), i.what, i.where)
}

// Left implements rt.Director.
func (x *execution) Left(d *rt.Task) {
	x.row = 0
	if !x.traced {
		return
	}
	i := x.info(d)
	i.what, i.where = caller()
	i.waits = i.what
	i.what += " returns"
}

// Holder implements rt.Director.
func (x *execution) Holder(d *rt.Task, holder func() *rt.Task) {
	if x.traced {
		x.info(d).holder = holder
	}
}

// Pick implements rt.Director.
func (x *execution) Pick(n int) int {
	if n < 2 || x.over.Load() {
		return 0
	}
	k, diverged := x.strategy.Pick(n, x.steps)
	if diverged != "" {
		x.failed(notDeterministic, diverged)
		return 0
	}
	x.note(n, k)
	return k
}

// Idle implements rt.Director.
func (x *execution) Idle(live int64, stuck bool) {
	switch {
	case live == 0 && x.mainEnd:
		if !x.ended {
			x.ended = true
			close(x.done)
		}
	case stuck:
		k, message := deadlock, "every task waits, no timer is pending, and nothing else happens"
		if x.mainEnd {
			k, message = tasksLeft, "the body has returned, and tasks that it has started wait for ever"
		}
		x.failed(k, message+x.waiting())
	}
}

// waiting lists the tasks that have not ended, and for each of them why it waits and where.
func (x *execution) waiting() string {
	var b strings.Builder
	for _, i := range x.tasks {
		s := i.d.Status()
		if !s.Live(i.gen) {
			continue
		}
		fmt.Fprintf(&b, "\n  %s waits for: %v", i.title(), s.WaitReason())
		if i.holder != nil {
			if h := i.holder(); h != nil && x.byDesc[h] != nil {
				fmt.Fprintf(&b, ", which %s has", x.byDesc[h].title())
				if !h.Status().InUse() {
					b.WriteString(", which has ended")
				}
			}
		}
		if i.where != "" {
			fmt.Fprintf(&b, ", in %s at %s", i.waits, i.where)
		}
	}
	return b.String()
}

// Over implements rt.Director.
func (x *execution) Ended() bool { return x.over.Load() }

// Panicked implements rt.Director.
func (x *execution) Panicked(h rt.Handle, err error) {
	name := "a task"
	if i := x.byDesc[h.Task()]; i != nil {
		name = i.title()
	}
	x.failed(panicked, fmt.Sprintf("%s: %v", name, err))
}
