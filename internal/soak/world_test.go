package soak

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// planted is the value of all panics on purpose.
const planted = "planted by the soak test"

var errPlanted = errors.New("planted by the soak test")

// A world holds what the parties share, and the accounts of it.
type world struct {
	s *scheduler.Scheduler

	// The goroutines that take part wait under ctx. endContext ends it after the scheduler was
	// ended in the middle.
	ctx        context.Context
	endContext context.CancelFunc
	cut        atomic.Bool // the scheduler is being ended in the middle

	planted atomic.Int64 // number of panics that the handler has to get

	chans          [4]*tsync.Chan[int64]
	sent, received atomic.Int64 // sums of values

	mu      tsync.Mutex
	guarded int64 // guarded by mu
	locked  atomic.Int64

	rw         tsync.RWMutex
	left, both int64 // guarded by rw; always equal
	written    atomic.Int64

	sem   *tsync.Semaphore
	taken atomic.Int64

	cond     *tsync.Cond
	signals  int64 // guarded by mu: announced and not consumed
	given    atomic.Int64
	consumed atomic.Int64

	set     tsync.Event
	barrier *tsync.Barrier

	blocked atomic.Int64   // number of functions of Blocking that are running
	armed   sync.WaitGroup // functions of tsync.AfterFunc that were neither called nor stopped
	called  sync.WaitGroup // in the same way, functions to be called at the end of tasks
}

const permits = 5

func newWorld(s *scheduler.Scheduler) *world {
	ctx, leave := context.WithCancel(context.Background())
	w := &world{s: s, ctx: ctx, endContext: leave, sem: tsync.NewSemaphore(permits), barrier: tsync.NewBarrier(2)}
	for i, n := range []int{0, 0, 1, 16} {
		w.chans[i] = tsync.NewChan[int64](n)
	}
	w.cond = tsync.NewCond(&w.mu)
	return w
}

// ended reports whether its context ended an operation, and checks that nothing else ended it.
func ended(err error) bool {
	if err == nil {
		return false
	}
	check(errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded), err.Error())
	return true
}

func (p *party) send() {
	ctx, cancel := p.brief()
	defer cancel()
	ch, v := p.chans[p.rng.IntN(len(p.chans))], p.rng.Int64N(1000)
	if p.rng.IntN(4) == 0 {
		if ch.TrySend(v) {
			p.sent.Add(v)
		}
	} else if !ended(ch.Send(ctx, v)) {
		p.sent.Add(v)
	}
}

func (p *party) receive() {
	ctx, cancel := p.brief()
	defer cancel()
	ch := p.chans[p.rng.IntN(len(p.chans))]
	if p.rng.IntN(4) == 0 {
		if v, ok := ch.TryRecv(); ok {
			p.received.Add(v)
		}
	} else if v, _, err := ch.Recv(ctx); !ended(err) {
		p.received.Add(v)
	}
}

func (p *party) choose() {
	ctx, cancel := p.brief()
	defer cancel()
	in, out := p.chans[p.rng.IntN(2)].RecvCase(), p.chans[p.rng.IntN(4)].SendCase(p.rng.Int64N(1000))
	more := p.chans[2+p.rng.IntN(2)].RecvCase()
	chosen, err := tsync.Select(ctx, in, out, more)
	if ended(err) {
		return
	}
	switch chosen {
	case in:
		p.received.Add(in.Value)
	case out:
		p.sent.Add(out.Value)
	case more:
		p.received.Add(more.Value)
	}
}

func (p *party) lock() {
	ctx, cancel := p.brief()
	defer cancel()
	if ended(p.mu.LockContext(ctx)) {
		return
	}
	p.guarded++
	p.locked.Add(1)
	p.pass()
	p.mu.Unlock()
}

// pass sometimes lets others run in the middle of an operation.
func (p *party) pass() {
	if p.rng.IntN(4) != 0 {
		return
	}
	if p.c != nil {
		p.c.Yield()
	} else {
		runtime.Gosched()
	}
}

func (p *party) readLock() {
	ctx, cancel := p.brief()
	defer cancel()
	if ended(p.rw.RLockContext(ctx)) {
		return
	}
	l := p.left
	p.pass()
	check(p.both == l, "a reader has seen half of a write")
	p.rw.RUnlock()
}

func (p *party) writeLock() {
	ctx, cancel := p.brief()
	defer cancel()
	if ended(p.rw.LockContext(ctx)) {
		return
	}
	p.left++
	p.pass()
	p.both++
	p.written.Add(1)
	p.rw.Unlock()
}

func (p *party) permits() {
	ctx, cancel := p.brief()
	defer cancel()
	n := 1 + p.rng.Int64N(permits)
	if ended(p.sem.Acquire(ctx, n)) {
		return
	}
	check(p.taken.Add(n) <= permits, "too many permits")
	p.pass()
	p.taken.Add(-n)
	p.sem.Release(n)
}

func (p *party) signal() {
	ctx, cancel := p.brief()
	defer cancel()
	if ended(p.mu.LockContext(ctx)) {
		return
	}
	p.signals++
	p.given.Add(1)
	p.mu.Unlock()
	if p.rng.IntN(2) == 0 {
		p.cond.Signal()
	} else {
		p.cond.Broadcast()
	}
}

func (p *party) waitSignal() {
	ctx, cancel := p.brief()
	defer cancel()
	if ended(p.mu.LockContext(ctx)) {
		return
	}
	defer p.mu.Unlock()
	for p.signals == 0 {
		if ended(p.cond.WaitContext(ctx)) {
			return
		}
	}
	p.signals--
	p.consumed.Add(1)
}

func (p *party) event() {
	ctx, cancel := p.brief()
	defer cancel()
	switch p.rng.IntN(3) {
	case 0:
		p.set.Set()
	case 1:
		p.set.Reset()
	case 2:
		ended(p.set.WaitContext(ctx))
	}
}

func (p *party) meet() {
	ctx, cancel := p.brief()
	defer cancel()
	_, err := p.barrier.WaitContext(ctx)
	ended(err)
}

func (p *party) future() {
	ctx, cancel := p.brief()
	defer cancel()
	f := task.Submit(p.s, func(c *task.Ctx) (int, error) {
		c.Yield()
		return 42, nil
	})
	if v, err := f.WaitContext(ctx); !ended(err) {
		check(v == 42, "a future's value")
	}
}

func (p *party) waitGroup() {
	var wg tsync.WaitGroup
	var called atomic.Int64
	const n = 3
	wg.Add(n)
	for range n {
		p.s.Go(func(c *task.Ctx) {
			defer wg.Done()
			called.Add(1)
		})
	}
	if !ended(wg.WaitContext(p.ctx)) {
		check(called.Load() == n, "WaitGroup.Wait has not waited")
	}
}

func (p *party) sleep() {
	d := time.Duration(p.rng.Int64N(int64(200 * time.Microsecond)))
	if p.c == nil {
		time.Sleep(d)
		return
	}
	ended(p.c.Sleep(d))
}

func (p *party) join() {
	x := p.spawn(func(p *party) { p.pass() })
	if err, ok := p.wait(x); ok && ended(err) {
		check(p.cut.Load(), "a task was cancelled, and no party has done it")
	}
}

func (p *party) park() {
	me := p.c.Task()
	p.spawn(func(*party) { me.Ready() })
	ended(p.c.Park())
}

func (p *party) complete() {
	var x task.Completion[int]
	p.spawn(func(*party) { x.Complete(1, nil) })
	if v, err := x.WaitContext(p.ctx); !ended(err) {
		check(v == 1, "a completion's value")
	}
}

// balance checks the accounts while all is quiet.
func (w *world) balance(t *testing.T) {
	rest := int64(0)
	for _, ch := range w.chans {
		for {
			v, ok := ch.TryRecv()
			if !ok {
				break
			}
			rest += v
		}
	}
	w.received.Add(rest)
	require.Equal(t, w.sent.Load(), w.received.Load(), "values sent and received")
	require.True(t, w.mu.TryLock(), "the mutex is free")
	require.Equal(t, w.locked.Load(), w.guarded)
	require.Equal(t, w.given.Load(), w.consumed.Load()+w.signals, "signals")
	w.mu.Unlock()
	require.True(t, w.rw.TryLock(), "the rwmutex is free")
	require.Equal(t, w.written.Load(), w.left)
	require.Equal(t, w.left, w.both)
	w.rw.Unlock()
	require.True(t, w.sem.TryAcquire(permits), "all permits are back")
	w.sem.Release(permits)
	require.Zero(t, w.taken.Load())
	require.Zero(t, w.blocked.Load())
}
