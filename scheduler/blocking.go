package scheduler

import (
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/label"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Blockers are the goroutines that run the functions of task.Ctx.Blocking where the task does not
// call them on the spot. They also relieve tasks that do: see spot. They count as workers in
// Scheduler.done, so that end waits for them, and each call counts as live until its function has
// returned, whether or not its task has waited for that. So when quiet is closed no call is left
// and none can come, and that is what ends idle blockers; Shutdown and Close need not know of them.

// A blocker is one of the goroutines, while it is idle. Who takes it out of the list of idle ones
// passes it a job:
//
//	blocker                               who has taken it out
//	B1 polls: state polling               S1 set job
//	B2 enough: CAS polling to blocked;    S2 CAS polling to given; done if that succeeds
//	   if that fails, job is there
//	B3 receive from wake; job is there    S3 count a goroutine that is owed a P, send to wake
//
// B2 and S2 change the same word, so one is first, and the other one learns of it. Only one that
// blocks is owed a P: one that polls has one.
type blocker struct {
	state atomicx.Uint32
	job   rt.Job        // passed on by S2 or S3
	wake  chan struct{} // of capacity 1; closed when it is to end
	polls bool          // it is the one that polls. The blocker's own

	used    bool // it has run a function, or is to. Under blockers.mu
	counted bool // what it runs is counted in calls. Written by the goroutine that has taken it out, and by itself
	owed    bool // it is owed a P. Likewise
}

const (
	bkBlocked = iota // or about to be, or busy
	bkPolling
	bkGiven
)

// begin makes b polling or blocked, before others can take it out.
func (b *blocker) begin(polls bool) {
	if b.polls = polls; polls {
		b.state.Store(bkPolling)
	} else {
		b.state.Store(bkBlocked)
	}
}

// offer is S1 and S2. If it returns false the caller has to do S3.
func (b *blocker) offer(j rt.Job) bool {
	b.job = j
	return b.state.CompareAndSwap(bkPolling, bkGiven)
}

// given is a look of B1.
func (b *blocker) given() bool { return b.state.Load() == bkGiven }

// giveUp is B2. It reports false if there is a job.
func (b *blocker) giveUp() bool { return b.state.CompareAndSwap(bkPolling, bkBlocked) }

type blockers struct {
	mu    sync.Mutex
	idle  []*blocker // the latest last
	all   []*blocker
	queue []rt.Job // that wait for their turn, the first at head
	head  int
	ends  bool
	low   int         // the least number of idle ones since the last trim
	timer *time.Timer // calls trimBlockers while armed
	armed bool

	polling bool // one polls
	skip    int  // how many chances to poll to leave out
	vain    int  // how often in a row polling was in vain, as far as vainMost

	vainMost int   // set by New
	limit    int64 // set by New

	calls  atomicx.Int64 // functions that run, or are about to
	queued atomicx.Int64 // the length of the queue. Written under mu
}

// blockersPoll is how long a blocker that has become idle polls for the next call before it blocks,
// if there is a P that nobody else wants: about twice what it takes to wake the worker that sleeps,
// so that a task which makes one call after the other finds it polling
// (BenchmarkBlocking/workers=2). Each time that it was in vain, the number of chances to leave out
// doubles, to 63, and with workers that are not pinned, and cheaper to wake, to 1,023; it falls
// back to none when a call comes.
const blockersPoll = int64(20 * time.Microsecond)

// blockersKeep is how long blockers must have been superfluous before the first half of them ends.
// It is far longer than the pauses of a program that is in the middle of something, and starting
// one takes a microsecond.
const blockersKeep = time.Second

// The number of functions that run at once, on blockers and on the spot, is bounded:
//
//	ends one                       begins one
//	R1 count it out                Q1 queue it, under mu
//	R2 load whether any is         Q2 count it in, if there are fewer than the limit, and take the first
//	   queued; if so, do Q2           of the queue
//
// If R2 does not see that of Q1, R1 comes before Q2. A call on the spot gives way to what is
// queued.

// enter counts a call on the spot in, or reports false.
func (p *blockers) enter() bool { return p.queued.Load() == 0 && p.countIn() }

func (p *blockers) countIn() bool {
	for {
		n := p.calls.Load()
		if n >= p.limit {
			return false
		}
		if p.calls.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// leaveCalls counts out a call on the spot.
func (s *Scheduler) leaveCalls() {
	p := &s.block
	p.calls.Add(-1)           // (R1)
	if p.queued.Load() == 0 { // (R2)
		return
	}
	p.mu.Lock()
	if j := p.pop(); j != nil {
		s.hand(j, true)
	} else {
		p.mu.Unlock()
	}
}

// giveJob has a blocker run j, at once or when it is its turn.
func (s *Scheduler) giveJob(j rt.Job) {
	s.live.Add(1)
	p := &s.block
	p.mu.Lock()
	p.queue = append(p.queue, j)
	p.queued.Store(p.queued.Load() + 1) // (Q1)
	if j = p.pop(); j != nil {
		s.hand(j, true)
	} else {
		p.mu.Unlock()
	}
}

// pop is Q2. The caller holds mu.
func (p *blockers) pop() rt.Job {
	if p.head == len(p.queue) || !p.countIn() {
		return nil
	}
	return p.first()
}

// first takes the first of the queue, which is not empty. The caller holds mu.
func (p *blockers) first() rt.Job {
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

// giveRelief has a blocker relieve a task that is in a call, unless the scheduler ends.
func (s *Scheduler) giveRelief() {
	if s.block.mu.Lock(); s.block.ends {
		s.block.mu.Unlock()
		return
	}
	s.hand(reliefJob{}, false)
}

// reliefJob stands for takeOne among the jobs. It is not counted.
type reliefJob struct{}

func (reliefJob) Run() error { return nil }
func (reliefJob) End()       {}

// hand gives j to a blocker. There is always one, or room for one: besides those that run counted
// functions, or stand for the relieved tasks of such, one can be a relief. (Beyond that there are
// idle ones that have run a function, if none can be a relief.) The caller holds mu; hand unlocks
// it. counted says whether j is.
func (s *Scheduler) hand(j rt.Job, counted bool) {
	p := &s.block
	if b := p.take(counted); b != nil {
		b.counted = counted
		p.mu.Unlock()
		if !b.offer(j) {
			if b.owed = counted; counted {
				s.home.ReadyGoroutines.Add(1)
			}
			b.wake <- struct{}{}
		}
		return
	}
	b := &blocker{wake: make(chan struct{}, 1), counted: counted, used: counted, owed: counted}
	p.all = append(p.all, b)
	// A task is live, so the count of workers is not 0, or mu keeps end from waiting for it to
	// become 0.
	s.done.Add(1)
	p.mu.Unlock()
	if counted {
		s.home.ReadyGoroutines.Add(1)
	}
	go s.runBlocker(b, j)
}

// assist runs f on a goroutine of its own. There is no limit, since what f waits for may need a
// blocker, or another such goroutine.
func (s *Scheduler) assist(f func()) {
	s.live.Add(1)
	s.done.Add(1)
	s.home.ReadyGoroutines.Add(1)
	go func() {
		defer s.done.Done()
		s.home.ReadyGoroutines.Add(-1)
		f()
		s.endJob()
	}()
}

// take takes a blocker out of the list of idle ones: for a relief one that has run no function,
// which may have left the goroutine locked to its thread; for a function rather another one. It
// returns nil if there is none. The caller holds mu.
func (p *blockers) take(counted bool) *blocker {
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
func (s *Scheduler) runBlocker(b *blocker, j rt.Job) {
	exited := true
	defer func() {
		if exited { // by a job's Goexit; somebody has to go on
			j.End()
			s.endJob()
			go s.runBlocker(b, nil)
			return
		}
		s.done.Done()
	}()
	for {
		label.Clear() // those of the task that started the blocker, or that the last job has left
		if b.owed {
			b.owed = false
			s.home.ReadyGoroutines.Add(-1)
		}
		switch j.(type) {
		case nil:
		case reliefJob:
			s.takeOne()
		default:
			if stray := runJob(j); stray != nil {
				s.strayPanic(j, stray)
			}
			j.End()
			s.endJob()
		}
		if j = s.nextJob(b); j != nil {
			continue
		}
		if !s.pollJob(b) {
			given := false
			select {
			case _, given = <-b.wake:
			case <-s.quiet:
				s.block.disarm()
			}
			if !given {
				exited = false
				return
			}
		}
		j, b.job = b.job, nil
	}
}

// mostPolls is more than fit into blockersPoll, if the clock goes.
const mostPolls = 512

// pollJob polls for a while, if b is to, and reports whether b has been given a job.
func (s *Scheduler) pollJob(b *blocker) bool {
	if !b.polls {
		return false
	}
	given := false
poll:
	for start, looks := s.now(), 0; looks < mostPolls && s.spareP() && s.now()-start < blockersPoll; looks++ {
		for range 64 {
			if given = b.given(); given {
				break poll
			}
		}
		runtime.Gosched() // b is not locked to a thread, so this costs little
	}
	given = given || !b.giveUp()
	s.block.polled(given)
	return given
}

// mayPoll reports whether the blocker that becomes idle is to poll. The caller holds mu.
func (s *Scheduler) mayPoll() bool {
	p := &s.block
	if p.polling || !s.spareP() {
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
func (p *blockers) polled(given bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.polling = false
	if given {
		p.vain = 0
		return
	}
	p.vain = min(p.vain+1, p.vainMost)
	p.skip = 1<<p.vain - 1
}

// spareP reports whether there are more Ps than workers that are awake.
func (s *Scheduler) spareP() bool {
	return int(s.procs.Load()) > s.Workers()-s.idle.Sleeping()
}

// runJob is on the stack of each function that is called for a task: see codes.
//
//go:noinline
func runJob(j rt.Job) error { return j.Run() }

// endJob counts the end of a job.
func (s *Scheduler) endJob() {
	s.live.Add(-1)
	s.quiesce()
}

// nextJob returns a job that waits, or makes b idle and returns nil.
func (s *Scheduler) nextJob(b *blocker) rt.Job {
	p := &s.block
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
	b.begin(s.mayPoll())
	if !p.armed && s.phase.Load() == phaseOpen {
		p.armed = true
		p.low = len(p.idle)
		if p.timer == nil {
			p.timer = time.AfterFunc(blockersKeep, p.trim)
		} else {
			p.timer.Reset(blockersKeep)
		}
	}
	return nil
}

// trim ends half of the blockers that were not used since it was called last.
func (p *blockers) trim() {
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
		p.timer.Reset(blockersKeep)
	}
}

// busy reports whether a function is being called.
func (p *blockers) busy() bool { return p.calls.Load() > 0 }

// end has no further relief start.
func (p *blockers) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ends = true
}

// disarm stops trim for good; there are no jobs any more.
func (p *blockers) disarm() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.armed {
		p.armed = false
		p.timer.Stop()
	}
}

// taskOf returns the handle of the task that j is called for.
func taskOf(j rt.Job) task.Task { return j.(interface{ Handle() task.Task }).Handle() }

// strayPanic handles the panic of a function whose task has not waited for it, as one of the task.
func (s *Scheduler) strayPanic(j rt.Job, stray error) {
	t := taskOf(j)
	e := stray.(*task.PanicError)
	if s.cfg.onPanic == nil {
		crash(t, e, handlePanics)
	}
	s.strays.Add(1)
	s.inHandler(func() { s.cfg.onPanic(t, e) })
}
