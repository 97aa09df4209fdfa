package soak

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
	"github.com/heddle-go/heddle/task/tsync"
)

// planted is what tasks panic with on purpose.
const planted = "planted by the soak test"

var errPlanted = errors.New("planted by the soak test")

// A world is what the parties share, and the accounts of it.
type world struct {
	s *scheduler.Scheduler

	done, spawned, ran, planted atomic.Int64

	chans          [4]*tsync.Chan[int64]
	sent, received atomic.Int64 // sums of values

	mu      tsync.Mutex
	guarded int64 // by mu
	locked  atomic.Int64

	rw         tsync.RWMutex
	left, both int64 // by rw: always equal
	written    atomic.Int64

	sem   *tsync.Semaphore
	taken atomic.Int64

	cond     *tsync.Cond
	signals  int64 // by mu: announced and not consumed
	given    atomic.Int64
	consumed atomic.Int64

	set     tsync.Event
	barrier *tsync.Barrier

	blocked atomic.Int64 // functions of Blocking that are under way

	armed, stopped, fired atomic.Int64 // of AfterFunc
}

const permits = 5

func newWorld(s *scheduler.Scheduler) *world {
	w := &world{s: s, sem: tsync.NewSemaphore(permits), barrier: tsync.NewBarrier(2)}
	for i, n := range []int{0, 0, 1, 16} {
		w.chans[i] = tsync.NewChan[int64](n)
	}
	w.cond = tsync.NewCond(&w.mu)
	return w
}

// check stops the program: a party is not the test's goroutine, and there is nothing to go on with.
func check(ok bool, what string) {
	if !ok {
		panic("soak: " + what)
	}
}

// ended reports whether an operation was ended by its context, and checks that nothing else has.
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
		if v, _, done := ch.TryRecv(); done {
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
	i, err := tsync.Select(ctx, in, out, more)
	if ended(err) {
		return
	}
	switch i {
	case 0:
		p.received.Add(in.Value)
	case 1:
		p.sent.Add(out.Value)
	case 2:
		p.received.Add(more.Value)
	}
}

func (p *party) lock() {
	ctx, cancel := p.brief()
	defer cancel()
	if ended(p.mu.Lock(ctx)) {
		return
	}
	p.guarded++
	p.locked.Add(1)
	p.pass()
	p.mu.Unlock()
}

// pass gives others a chance in the middle of something.
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
	if ended(p.rw.RLock(ctx)) {
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
	if ended(p.rw.Lock(ctx)) {
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
	if ended(p.mu.Lock(ctx)) {
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
	if ended(p.mu.Lock(ctx)) {
		return
	}
	defer p.mu.Unlock()
	for p.signals == 0 {
		if ended(p.cond.Wait(ctx)) {
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
		ended(p.set.Wait(ctx))
	}
}

func (p *party) meet() {
	ctx, cancel := p.brief()
	defer cancel()
	_, err := p.barrier.Wait(ctx)
	ended(err)
}

func (p *party) group() {
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	g := task.NewGroup(p.s)
	if p.rng.IntN(2) == 0 {
		g, _ = task.NewGroupContext(ctx, p.s)
	}
	if n := p.rng.IntN(4); n > 0 {
		g.SetLimit(n)
	}
	var called atomic.Int64
	n, bad := 1+p.rng.IntN(6), p.rng.IntN(12)
	for i := range n {
		err := g.Go(p.ctx, func(c *task.Ctx) error {
			called.Add(1)
			c.Yield()
			if i == bad {
				return errPlanted
			}
			return nil
		})
		if err != nil { // this party is cancelled: it has to see its members out all the same
			check(ended(err), "Go has failed")
			n = i
			break
		}
	}
	err := g.Wait(p.ctx)
	if err != nil && !errors.Is(err, errPlanted) {
		check(ended(err), "Wait has failed")
		return
	}
	check(called.Load() == int64(n), "a member was not called, or twice")
	check((err != nil) == (bad < n), "a member's error is lost, or invented")
}

func (p *party) future() {
	ctx, cancel := p.brief()
	defer cancel()
	f := task.Submit(p.s, func(c *task.Ctx) (int, error) {
		c.Yield()
		return 42, nil
	})
	if v, err := f.Wait(ctx); !ended(err) {
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
	if !ended(wg.Wait(p.ctx)) {
		check(called.Load() == n, "Wait has not waited")
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

func (p *party) yield() {
	for range 100 {
		if p.c == nil {
			runtime.Gosched()
		} else if p.rng.IntN(10) == 0 {
			p.c.Yield()
		} else {
			p.c.Checkpoint()
		}
	}
}

var fibFunc *parallel.Func[int, int]

func init() { fibFunc = parallel.Define(fib) }

func fib(c *task.Ctx, n int) int {
	if n < 2 {
		return n
	}
	x := fibFunc.Fork(c, n-1)
	y := fib(c, n-2)
	return x.Join(c) + y
}

func (p *party) fork() {
	if p.c != nil {
		check(fib(p.c, 12) == 144, "fib")
	}
}

func (p *party) sort() {
	if p.c == nil {
		return
	}
	a := make([]int, 2000)
	for i := range a {
		a[i] = p.rng.IntN(1000)
	}
	want := slices.Sorted(slices.Values(a))
	if err := parallel.Sort(p.c, a); !ended(err) {
		check(slices.Equal(a, want), "sort")
	}
}

func (p *party) block() {
	if p.c == nil {
		return
	}
	v, err := task.BlockingValue(p.c, func() (int, error) {
		p.blocked.Add(1)
		defer p.blocked.Add(-1)
		time.Sleep(50 * time.Microsecond)
		return 7, nil
	})
	if !ended(err) {
		check(v == 7, "a blocking value")
	}
}

func (p *party) fail() {
	if p.rng.IntN(10) != 0 {
		return
	}
	p.spawn(func(p *party) {
		p.planted.Add(1)
		panic(planted)
	})
}

func (p *party) exit() {
	if p.rng.IntN(10) == 0 {
		p.spawn(func(p *party) { runtime.Goexit() })
	}
}

func (p *party) join() {
	x := p.spawn(func(p *party) { p.pass() })
	if p.c != nil {
		ended(x.Join(p.c))
		return
	}
	check(x.Wait() == nil, "Wait")
}

// cancel cancels a task at any moment of its life.
func (p *party) cancel() {
	x := p.spawn(func(p *party) { p.run(3) })
	for range p.rng.IntN(3) {
		p.pass()
	}
	x.Cancel()
	var err error
	if p.c == nil {
		err = x.Wait()
	} else if err = x.Join(p.c); p.c.Err() != nil {
		return // it is this party that was cancelled: of the other one nothing is known
	}
	ended(err)
}

func (p *party) park() {
	if p.c == nil {
		return
	}
	me := p.c.Task()
	p.spawn(func(*party) { me.Ready() })
	ended(p.c.Park())
}

func (p *party) complete() {
	var x task.Completion[int]
	p.spawn(func(*party) { x.Complete(1, nil) })
	if v, err := x.Wait(p.ctx); !ended(err) {
		check(v == 1, "a completion's value")
	}
}

// balance checks the accounts, when all is quiet.
func (w *world) balance(t *testing.T) {
	rest := int64(0)
	for _, ch := range w.chans {
		for {
			v, _, done := ch.TryRecv()
			if !done {
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
	require.Eventually(t, func() bool { return w.armed.Load() == w.stopped.Load()+w.fired.Load() }, time.Minute, time.Millisecond,
		"functions of timers were called, or stopped, once")
}
