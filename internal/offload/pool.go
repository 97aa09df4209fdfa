package offload

import (
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/label"
	"github.com/heddle-go/heddle/internal/rt"
)

// A Config is what a Pool has to know of its scheduler. The functions are called on goroutines of
// the pool, unless they say otherwise, and by several at once.
type Config struct {
	Limit    int64      // how many functions may run at once
	VainMost int        // how often in a row polling in vain makes polling rarer, at most
	Home     *rt.Shared // goroutines that are owed a P are counted there

	Quiet <-chan struct{} // closed when no job is left and none can come
	Open  func() bool     // reports whether jobs may still come for long
	Now   func() int64    // nanoseconds
	// SpareP reports whether there is a P that no worker needs. It is also called under the pool's
	// lock.
	SpareP func() bool
	// OnBegin is called before a job is queued, on the caller's goroutine, and OnEnd when it has
	// ended.
	OnBegin, OnEnd func()
	// Stray handles a panic of j for which its task has not waited.
	Stray func(j rt.Job, err error)
	// TaskOf returns the task for which j calls a function, or nil. While the function runs, the
	// blocker's goroutine stands for that task, so a wait for the task itself is found: see
	// rt.Proxy.
	TaskOf func(j rt.Job) *rt.Task
	Nobody *rt.Worker // a worker that runs nothing, for rt.Proxy
	// Relieve relieves a task that is in a call on the spot.
	Relieve func()
}

// A Pool is the blockers of one scheduler. Init prepares it. Its methods may be called by tasks and
// goroutines; none but Wait waits for anything but a short lock.
//
// Each job counts as live in the scheduler until its function has returned, whether or not its task
// has waited for that. So when Quiet is closed no job is left and none can come, and that is what
// ends idle blockers; Shutdown and Close need not know of them.
type Pool struct {
	cfg  Config
	done sync.WaitGroup // blockers, and goroutines of Assist

	mu    sync.Mutex
	idle  []*blocker // the latest last
	all   []*blocker
	queue []rt.Job // that wait for their turn, the first at head
	head  int
	ends  bool
	low   int         // the least number of idle ones since the last trim
	timer *time.Timer // calls trim while armed
	armed bool

	polling bool // one polls
	skip    int  // how many chances to poll to leave out
	vain    int  // how often in a row polling was in vain, as far as Config.VainMost

	calls  atomicx.Int64 // functions that run, or are about to
	queued atomicx.Int64 // the length of the queue. Written under mu
}

// Init prepares p. It is called once, before p is shared.
func (p *Pool) Init(cfg Config) { p.cfg = cfg }

// pollFor is how long a blocker that has become idle polls for the next call before it blocks,
// if there is a P that no worker needs: about twice what it takes to wake the worker that sleeps,
// so that a task which makes one call after the other finds it polling
// (BenchmarkBlocking/workers=2). Each time that it was in vain, the number of chances to leave out
// doubles, to 63, and with workers that are not pinned, and cheaper to wake, to 1,023; it falls
// back to none when a call comes.
const pollFor = int64(20 * time.Microsecond)

// keepFor is how long blockers must have been superfluous before the first half of them ends.
// It is far longer than the pauses of a program that is in the middle of something, and starting
// one takes a microsecond.
const keepFor = time.Second

// Enter counts a call on the spot in, or reports false if there are too many calls.
func (p *Pool) Enter() bool { return p.queued.Load() == 0 && p.countIn() }

func (p *Pool) countIn() bool {
	for {
		n := p.calls.Load()
		if n >= p.cfg.Limit {
			return false
		}
		if p.calls.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Leave counts out a call on the spot.
func (p *Pool) Leave() {
	p.calls.Add(-1)           // (R1)
	if p.queued.Load() == 0 { // (R2)
		return
	}
	p.mu.Lock()
	if j := p.pop(); j != nil {
		p.hand(j, true)
	} else {
		p.mu.Unlock()
	}
}

// Give has a blocker run j, at once or when it is its turn. The caller is a task.
func (p *Pool) Give(j rt.Job) {
	p.cfg.OnBegin()
	p.mu.Lock()
	p.queue = append(p.queue, j)
	p.queued.Store(p.queued.Load() + 1) // (Q1)
	if j = p.pop(); j != nil {
		p.hand(j, true)
	} else {
		p.mu.Unlock()
	}
}

// pop is Q2. The caller holds mu.
func (p *Pool) pop() rt.Job {
	if p.head == len(p.queue) || !p.countIn() {
		return nil
	}
	return p.first()
}

// first takes the first of the queue, which is not empty. The caller holds mu.
func (p *Pool) first() rt.Job {
	j := p.queue[p.head]
	p.queue[p.head] = nil
	p.head++
	if p.head == len(p.queue) {
		p.queue, p.head = p.queue[:0], 0
	} else if p.head >= 64 && 2*p.head >= len(p.queue) {
		p.queue = slices.Delete(p.queue, 0, p.head)
		p.head = 0
	}
	p.queued.Store(p.queued.Load() - 1)
	return j
}

// GiveRelief has a blocker call Config.Relieve, unless the scheduler ends.
func (p *Pool) GiveRelief() {
	if p.mu.Lock(); p.ends {
		p.mu.Unlock()
		return
	}
	p.hand(reliefJob{}, false)
}

// reliefJob stands for Config.Relieve among the jobs. It is not counted.
type reliefJob struct{}

func (reliefJob) Run() error { return nil }
func (reliefJob) End()       {}

// hand gives j to a blocker. There is always one, or room for one: besides those that run counted
// functions, or stand for the relieved tasks of such, one can be a relief. (Beyond that there are
// idle ones that have run a function, if none can be a relief.) The caller holds mu; hand unlocks
// it. counted says whether j is.
func (p *Pool) hand(j rt.Job, counted bool) {
	if b := p.take(counted); b != nil {
		b.counted = counted
		p.mu.Unlock()
		if !b.offer(j) {
			if b.owed = counted; counted {
				p.cfg.Home.ReadyGoroutines.Add(1)
			}
			b.wake <- struct{}{}
		}
		return
	}
	b := &blocker{wake: make(chan struct{}, 1), counted: counted, used: counted, owed: counted}
	p.all = append(p.all, b)
	// Either a task is live, so that no goroutine is in Wait, or mu and ends have this come before
	// End.
	p.done.Add(1)
	p.mu.Unlock()
	if counted {
		p.cfg.Home.ReadyGoroutines.Add(1)
	}
	go p.runBlocker(b, j)
}

// Assist runs f on a goroutine of its own. There is no limit, because what f waits for may need a
// blocker, or another such goroutine. The caller is a task.
func (p *Pool) Assist(f func()) {
	p.cfg.OnBegin()
	p.done.Add(1)
	p.cfg.Home.ReadyGoroutines.Add(1)
	go func() {
		defer p.done.Done()
		p.cfg.Home.ReadyGoroutines.Add(-1)
		f()
		p.cfg.OnEnd()
	}()
}

// take takes a blocker out of the list of idle ones: for a relief one that has run no function,
// which may have left the goroutine locked to its thread; for a function rather another one. It
// returns nil if there is none. The caller holds mu.
func (p *Pool) take(counted bool) *blocker {
	k := len(p.idle) - 1
	for i := k; i >= 0; i-- {
		if p.idle[i].used == counted {
			k = i
			break
		}
	}
	if k < 0 || !counted && p.idle[k].used {
		return nil
	}
	b := p.idle[k]
	p.idle = slices.Delete(p.idle, k, k+1)
	p.low = min(p.low, len(p.idle))
	b.used = b.used || counted
	return b
}

// runBlocker is a blocker's goroutine. It begins with job j, or with the first of the queue if that
// is nil.
func (p *Pool) runBlocker(b *blocker, j rt.Job) {
	var caller rt.Proxy
	leave := caller.Enter(p.cfg.Nobody)
	exited := true
	defer func() {
		leave()
		if exited { // by a job's Goexit: another goroutine goes on as b
			j.End()
			p.cfg.OnEnd()
			go p.runBlocker(b, nil)
			return
		}
		p.done.Done()
	}()
	for {
		label.Clear() // those of the task that started the blocker, or that the last job has left
		if b.owed {
			b.owed = false
			p.cfg.Home.ReadyGoroutines.Add(-1)
		}
		switch j.(type) {
		case nil:
		case reliefJob:
			p.cfg.Relieve()
		default:
			caller.For(p.cfg.TaskOf(j))
			if stray := RunJob(j); stray != nil {
				p.cfg.Stray(j, stray)
			}
			caller.For(nil) // from End on the task may end
			j.End()
			p.cfg.OnEnd()
		}
		if j = p.nextJob(b); j != nil {
			continue
		}
		if !p.pollJob(b) {
			given := false
			select {
			case _, given = <-b.wake:
			case <-p.cfg.Quiet:
				p.disarm()
			}
			if !given {
				exited = false
				return
			}
		}
		j, b.job = b.job, nil
	}
}

// mostPolls is more than fit into pollFor, if the clock goes.
const mostPolls = 512

// pollJob polls for a while, if b is to, and reports whether b has been given a job.
func (p *Pool) pollJob(b *blocker) bool {
	if !b.polls {
		return false
	}
	given := false
poll:
	for start, looks := p.cfg.Now(), 0; looks < mostPolls && p.cfg.SpareP() && p.cfg.Now()-start < pollFor; looks++ {
		for range 64 {
			if given = b.given(); given {
				break poll
			}
		}
		runtime.Gosched() // b is not locked to a thread, so this costs little
	}
	given = given || !b.giveUp()
	p.polled(given)
	return given
}

// mayPoll reports whether the blocker that becomes idle is to poll. The caller holds mu.
func (p *Pool) mayPoll() bool {
	if p.polling || !p.cfg.SpareP() {
		return false
	}
	if p.skip > 0 {
		p.skip--
		return false
	}
	p.polling = true
	return true
}

// polled notes how polling went.
func (p *Pool) polled(given bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.polling = false
	if given {
		p.vain = 0
		return
	}
	p.vain = min(p.vain+1, p.cfg.VainMost)
	p.skip = 1<<p.vain - 1
}

// RunJob runs j. It is on the stack of each function that a blocker calls, so a look at the stack
// can find that a blocker calls.
//
//go:noinline
func RunJob(j rt.Job) error { return j.Run() }

// nextJob returns a job that waits, or makes b idle and returns nil.
func (p *Pool) nextJob(b *blocker) rt.Job {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b.counted || p.countIn() {
		if p.head < len(p.queue) {
			b.counted, b.used = true, true
			return p.first()
		}
		b.counted = false
		p.calls.Add(-1) // under mu nothing is queued meanwhile
	}
	p.idle = append(p.idle, b)
	b.begin(p.mayPoll())
	if !p.armed && p.cfg.Open() {
		p.armed = true
		p.low = len(p.idle)
		if p.timer == nil {
			p.timer = time.AfterFunc(keepFor, p.trim)
		} else {
			p.timer.Reset(keepFor)
		}
	}
	return nil
}

// trim ends half of the blockers that were not used since it was called last.
func (p *Pool) trim() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.armed {
		return
	}
	k := (min(p.low, len(p.idle)) + 1) / 2
	for _, b := range p.idle[:k] {
		close(b.wake)
		i := slices.Index(p.all, b)
		p.all = slices.Delete(p.all, i, i+1)
	}
	p.idle = slices.Delete(p.idle, 0, k)
	p.low = len(p.idle)
	if p.armed = len(p.all) > 0; p.armed {
		p.timer.Reset(keepFor)
	}
}

// Running returns how many functions run, on blockers and on the spot, or are about to.
func (p *Pool) Running() int { return int(p.calls.Load()) }

// Blockers returns how many blockers there are, and how many of them are idle. It waits for the
// lock.
func (p *Pool) Blockers() (all, idle int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.all), len(p.idle)
}

// Queued returns how many jobs wait for their turn.
func (p *Pool) Queued() int { return int(p.queued.Load()) }

// End has no further relief start. Quiet is closed.
func (p *Pool) End() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ends = true
}

// disarm stops trim for good; there are no jobs any more.
func (p *Pool) disarm() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.armed {
		p.armed = false
		p.timer.Stop()
	}
}

// Wait waits until all blockers have ended, after End.
func (p *Pool) Wait() { p.done.Wait() }
