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

// A Config is what a Pool has to know of its scheduler. Goroutines of the pool call the functions,
// several at once, unless the comment of a function names another caller.
type Config struct {
	Limit    int64      // how many functions may run at once
	VainMost int        // bounds Pool.vain, and so how rarely blockers poll: see pollFor
	Shared   *rt.Shared // its ReadyGoroutines counts the goroutines of the pool that need a P

	Quiet <-chan struct{} // closed when no job is left and none can come
	Open  func() bool     // reports whether the scheduler is open: idle blockers may be kept
	Now   func() int64    // the time, in nanoseconds
	// SpareP reports whether there is a P that no worker needs. The pool also calls it under its
	// lock.
	SpareP func() bool
	// The caller of Give or Assist calls OnBegin before it queues a job. A goroutine of the pool
	// calls OnEnd when the job has ended.
	OnBegin, OnEnd func()
	// Stray handles err, a panic of j, if the task of j has not waited for j.
	Stray func(j rt.Job, err error)
	// TaskOf returns the task for which j calls a function, or nil. While the function runs, the
	// blocker's goroutine stands for that task. So a wait by the function for its own task can be
	// found: see rt.Proxy.
	TaskOf      func(j rt.Job) *rt.Task
	Placeholder *rt.Worker // a worker that runs nothing, for rt.Proxy
	// Relieve is the work of a relief: see the package comment. The calling goroutine may go on as
	// a worker meanwhile.
	Relieve func()
}

// A Pool has the blockers of one scheduler. Init prepares it. Tasks and goroutines may call its
// methods. Except for Wait, they wait only for a lock that no method holds for long.
//
// Each job counts as live in the scheduler until its function has returned, whether or not its task
// waits for that. So when Quiet is closed, no job is left and none can come. Quiet ends the idle
// blockers, so Shutdown and Close need not know of them.
type Pool struct {
	cfg  Config
	done sync.WaitGroup // blockers, and goroutines of Assist

	mu    sync.Mutex
	idle  []*blocker // the one that became idle last is the last
	all   []*blocker
	queue []rt.Job // the jobs that wait for their turn; the first is at head
	head  int
	ends  bool        // End was called
	low   int         // the least number of idle blockers since the last trim
	timer *time.Timer // calls trim while armed
	armed bool

	polling bool // a blocker polls
	skip    int  // how many of the next chances to poll to leave out
	vain    int  // how many polls in a row were in vain, at most Config.VainMost

	calls  atomicx.Int64 // functions that run, or are about to
	queued atomicx.Int64 // the length of the queue; written under mu
}

// Init prepares p. It is called once, before p is shared.
func (p *Pool) Init(cfg Config) { p.cfg = cfg }

// pollFor is how long a blocker that has become idle polls for the next job before it blocks, if
// there is a P that no worker needs. It is about twice the time to wake a worker that sleeps. So if
// a task makes one call after the other, each call finds the blocker polling
// (BenchmarkBlocking/workers=2). After each poll in vain, blockers leave out about twice as many
// chances to poll as before, up to 63. With workers that are not pinned it is up to 1,023, because
// these are cheaper to wake. When a poll gets a job, the number falls to 0.
const pollFor = int64(20 * time.Microsecond)

// keepFor is how long blockers must have been superfluous before half of them end. It is far longer
// than the pauses of a program that is busy. A longer time would gain little, because to start a
// blocker takes only a microsecond.
const keepFor = time.Second

// Enter counts a call on the spot in and returns true. If jobs are queued or Limit functions run,
// it returns false, and the call must not begin.
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
	p.calls.Add(-1)           // (Limit-R1)
	if p.queued.Load() == 0 { // (Limit-R2)
		return
	}
	p.mu.Lock()
	if j := p.pop(); j != nil {
		p.hand(j, true)
	} else {
		p.mu.Unlock()
	}
}

// Give has a blocker run j, at once or when the turn of j comes. The caller is a task.
func (p *Pool) Give(j rt.Job) {
	p.cfg.OnBegin()
	p.mu.Lock()
	p.queue = append(p.queue, j)
	p.queued.Store(p.queued.Load() + 1) // (Limit-Q1)
	if j = p.pop(); j != nil {
		p.hand(j, true)
	} else {
		p.mu.Unlock()
	}
}

// pop is Limit-Q2. The caller holds mu.
func (p *Pool) pop() rt.Job {
	if p.head == len(p.queue) || !p.countIn() {
		return nil
	}
	return p.first()
}

// first takes the first job of the queue, which is not empty. The caller holds mu.
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

// GiveRelief has a blocker call Config.Relieve, unless End was called.
func (p *Pool) GiveRelief() {
	if p.mu.Lock(); p.ends {
		p.mu.Unlock()
		return
	}
	p.hand(reliefJob{}, false)
}

// reliefJob is the job that tells a blocker to call Config.Relieve. Pool.calls does not count it.
type reliefJob struct{}

func (reliefJob) Run() error { return nil }
func (reliefJob) End()       {}

// hand gives j to an idle blocker, or to a new one if take finds none. counted says whether
// Pool.calls counts j. The caller holds mu, and hand unlocks it. The number of blockers is bounded
// although hand has no limit of its own. Each blocker that is not idle runs a counted function, or
// has the worker of a task in such a function, or is the one relief of the alert. Idle blockers add
// to that only if a relief needs a new blocker, because all idle ones have run a function.
func (p *Pool) hand(j rt.Job, counted bool) {
	if b := p.take(counted); b != nil {
		b.counted = counted
		p.mu.Unlock()
		if !b.offer(j) {
			if b.inReady = counted; counted {
				p.cfg.Shared.ReadyGoroutines.Add(1)
			}
			b.wake <- struct{}{}
		}
		return
	}
	b := &blocker{wake: make(chan struct{}, 1), counted: counted, used: counted, inReady: counted}
	p.all = append(p.all, b)
	// This Add comes before Wait. For a job, the task that gives it is live, so the scheduler has
	// not ended. For a relief, ends is not set, and mu orders this Add before End.
	p.done.Add(1)
	p.mu.Unlock()
	if counted {
		p.cfg.Shared.ReadyGoroutines.Add(1)
	}
	go p.runBlocker(b, j)
}

// Assist runs f on a goroutine of its own. There is no limit, because f may wait for something that
// needs a blocker, or another goroutine of Assist, to come about. The caller is a task.
func (p *Pool) Assist(f func()) {
	p.cfg.OnBegin()
	p.done.Add(1)
	p.cfg.Shared.ReadyGoroutines.Add(1)
	go func() {
		defer p.done.Done()
		p.cfg.Shared.ReadyGoroutines.Add(-1)
		f()
		p.cfg.OnEnd()
	}()
}

// take takes a blocker out of the list of idle blockers, or returns nil if none fits. For a relief
// it takes only a blocker that has run no function, because a function may have left the goroutine
// locked to its thread. For a function it prefers a blocker that has run one, so that the others
// stay fit for a relief. The caller holds mu.
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

// runBlocker is the body of the goroutine of blocker b. It begins with job j, or with the next job
// of the queue if j is nil.
func (p *Pool) runBlocker(b *blocker, j rt.Job) {
	var caller rt.Proxy
	leave := caller.Enter(p.cfg.Placeholder)
	exited := true
	defer func() {
		leave()
		if exited { // a job called Goexit, so another goroutine goes on as b
			j.End()
			p.cfg.OnEnd()
			go p.runBlocker(b, nil)
			return
		}
		p.done.Done()
	}()
	for {
		label.Clear() // labels of the task that started the blocker, or that the last job has left
		if b.inReady {
			b.inReady = false
			p.cfg.Shared.ReadyGoroutines.Add(-1)
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

// mostPolls is larger than the number of rounds that fit into pollFor. It ends the loop of pollJob
// if the clock stands still.
const mostPolls = 512

// If b is the blocker that polls, pollJob polls for a while. It reports whether b has got a job.
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
	given = given || !b.stopPolling()
	p.polled(given)
	return given
}

// mayPoll reports whether a blocker that becomes idle should poll. The caller holds mu.
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

// polled notes whether polling got a job.
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

// RunJob runs j. Its frame is on the stack of each function that a blocker calls. By this frame
// package engine's caller.go finds out that its caller is such a function.
//
//go:noinline
func RunJob(j rt.Job) error { return j.Run() }

// nextJob takes a job from the queue for b and returns it. If there is none, or Limit functions
// run, it makes b idle and returns nil.
func (p *Pool) nextJob(b *blocker) rt.Job {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b.counted || p.countIn() {
		if p.head < len(p.queue) {
			b.counted, b.used = true, true
			return p.first()
		}
		b.counted = false
		p.calls.Add(-1) // the queue stays empty meanwhile, because b holds mu
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

// trim ends half of the blockers that no job has needed since the last trim.
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

// Blockers returns the number of blockers, and how many of them are idle. It waits for the lock.
func (p *Pool) Blockers() (all, idle int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.all), len(p.idle)
}

// Queued returns how many jobs wait for their turn.
func (p *Pool) Queued() int { return int(p.queued.Load()) }

// End makes GiveRelief start no more reliefs. The scheduler calls it when Quiet is closed.
func (p *Pool) End() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ends = true
}

// disarm stops the timer of trim for good. The caller has seen that Quiet is closed, so no job will
// come.
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
