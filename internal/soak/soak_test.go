package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heddle-go/heddle/internal/balance"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

func TestMain(m *testing.M) {
	balance.Watch()
	goleak.VerifyTestMain(m)
}

// seed determines all random choices. Each failure prints it.
var seed uint64

// patience is the time after which a wait counts as hung. A test that passes does not wait for it.
const patience = 10 * time.Minute

// A bound determines when a part of the test is over.
type bound struct {
	start    time.Time
	duration time.Duration // 0: none
	ops      int64         // operations done by all parts; 0: none
	rounds   int           // used if there is neither
	parties  int           // number of parties in a round
}

func (b *bound) reached() bool {
	if b.duration == 0 && b.ops == 0 {
		b.rounds--
		return b.rounds <= 0
	}
	return b.duration != 0 && time.Since(b.start) >= b.duration || b.ops != 0 && done.Load() >= b.ops
}

// settings reads the environment variables that doc.go lists.
func settings(t *testing.T) (duration time.Duration, ops int64) {
	if v := os.Getenv("HEDDLE_SOAK"); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil || d <= 0 {
			t.Fatalf("HEDDLE_SOAK=%s: want a positive duration, such as 10m", v)
		}
		duration = d
	}
	if v := os.Getenv("HEDDLE_SOAK_OPS"); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n <= 0 {
			t.Fatalf("HEDDLE_SOAK_OPS=%s: want a positive number of operations, such as 1000000000", v)
		}
		ops = n
	}
	seed = uint64(time.Now().UnixNano())
	if v := os.Getenv("HEDDLE_SOAK_SEED"); v != "" {
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			t.Fatalf("HEDDLE_SOAK_SEED=%s: want the number that a run has printed", v)
		}
		seed = n
	}
	return duration, ops
}

func TestSoak(t *testing.T) {
	duration, ops := settings(t)
	fmt.Printf("soak: seed %d\n", seed)
	start := time.Now()
	rounds, parties := 3, 24
	if testing.Short() {
		rounds, parties = 1, 12
	}
	if duration != 0 || ops != 0 {
		parties = 120
	}
	workers := []int{1, 2, 4, 8, 64}
	pinnings := []scheduler.Pinning{scheduler.Threads, scheduler.None}
	type part struct {
		workers int
		pinning scheduler.Pinning
	}
	var parts []part
	for _, n := range workers {
		for _, p := range pinnings {
			parts = append(parts, part{n, p})
		}
	}
	parts = testkit.Part(parts)
	for i, x := range parts {
		b := &bound{time.Now(), duration, ops * int64(i+1) / int64(len(parts)), rounds, parties}
		rng := rand.New(rand.NewPCG(seed, uint64(i+1)))
		t.Run(fmt.Sprintf("workers=%d/%v", x.workers, x.pinning), func(t *testing.T) {
			for over := false; !over; {
				over = live(t, x.workers, x.pinning, rng, b)
			}
		})
	}
	t.Logf("seed %d, %v, at most %s of memory; operations by kind:\n%s",
		seed, time.Since(start).Round(time.Millisecond), peakMemory(), table())
}

// live is the life of one scheduler. It runs some rounds, and the scheduler's end may cut the last
// one short. It reports whether b is reached.
func live(t *testing.T, workers int, pinning scheduler.Pinning, rng *rand.Rand, b *bound) (over bool) {
	var panics atomic.Int64
	opts := []scheduler.Option{
		scheduler.WithWorkers(workers),
		scheduler.WithPinning(pinning),
		scheduler.WithQuantum(time.Millisecond),
		scheduler.WithStallAfter(0),
		scheduler.WithBlockingLimit(4),
		scheduler.WithPanicHandler(func(x task.Task, e *task.PanicError) {
			if e.Value != planted {
				fail(fmt.Sprintf("a panic that was not planted: %+v", e))
			}
			panics.Add(1)
		}),
	}
	// The other policies are left out, because a refused or displaced task could not be waited for.
	switch rng.IntN(3) {
	case 0:
		opts = append(opts, scheduler.WithQueueLimit(4, scheduler.Block))
	case 1:
		opts = append(opts, scheduler.WithQueueLimit(4, scheduler.CallerRuns))
	}
	s, err := scheduler.New(opts...)
	require.NoError(t, err)
	w := newWorld(s)
	defer w.endContext()

	for rounds := 1 + rng.IntN(20); rounds > 0 && !over; rounds-- {
		over = b.reached()
		last := rounds == 1 || over
		w.round(t, b.parties, rng.Uint64(), last && rng.IntN(2) == 0)
		w.balance(t)
		report(b)
	}
	if rng.IntN(2) == 0 {
		require.NoError(t, s.Shutdown(t.Context()))
	} else {
		require.NoError(t, s.Close())
	}

	// Package balance checks that no task counts as live and that no goroutine is owed a P.
	w.within(t, "functions that are called at the end of tasks", w.called.Wait)
	w.balance(t)
	st := s.Stats()
	require.Equal(t, st.Spawned, st.Finished, "tasks started and ended: %+v", st)
	require.Zero(t, st.Queued, "%+v", st)
	require.Zero(t, st.Stranded, "%+v", st)
	require.Equal(t, w.planted.Load(), panics.Load(), "panics that the handler got")
	require.Equal(t, w.planted.Load(), int64(st.Panics), "panics that the scheduler has counted")
	noneLeft()
	return over
}

// noneLeft waits until all goroutines have ended. goleak itself gives a goroutine half a second to
// end, and on a busy machine that can be too little.
func noneLeft() {
	for begin := time.Now(); ; {
		err := goleak.Find()
		if err == nil {
			return
		}
		check(time.Since(begin) < patience, err.Error())
	}
}

// reported is the time of the last progress report of a long run.
var reported = time.Now()

func report(b *bound) {
	if time.Since(reported) > 10*time.Second {
		reported = time.Now()
		fmt.Printf("soak: %d operations, this part for %v\n", done.Load(), time.Since(b.start).Round(time.Second))
	}
}

// fail ends the program. A test's FailNow would not do, because a party is not the test's
// goroutine. A panic would not do either, because it may be recovered.
func fail(what string) {
	buf := make([]byte, 1<<20)
	fmt.Fprintf(os.Stderr, "--- FAIL: soak: %s; HEDDLE_SOAK_SEED=%d\n%s\n", what, seed, buf[:runtime.Stack(buf, true)])
	os.Exit(2)
}

func check(ok bool, what string) {
	if !ok {
		fail(what)
	}
}

// A party is a task or a goroutine that takes part in the test.
type party struct {
	*world
	ctx   context.Context
	c     *task.Ctx // nil for a goroutine
	rng   *rand.Rand
	kind  int // the kind of its present operation
	tally tally
}

func (w *world) party(ctx context.Context, c *task.Ctx, seed uint64) *party {
	return &party{world: w, ctx: ctx, c: c, rng: rand.New(rand.NewPCG(seed, 1)), tally: make(tally, len(kinds))}
}

// run draws n times.
func (p *party) run(n int) {
	for range n {
		p.draw()
	}
}

// spawn starts a task.
func (p *party) spawn(fn func(p *party), opts ...task.Option) task.Task {
	body := p.body(fn)
	if p.rng.IntN(4) == 0 {
		opts = append(opts, p.level())
	}
	if p.c != nil && p.rng.IntN(2) == 0 {
		return p.c.Go(body, opts...)
	}
	return p.s.Go(body, opts...)
}

// aside is spawn for a task that may wait for the next action of the party. A submission by Go may
// wait for room in the queue or for the task's end; one by GoAfter does not.
func (p *party) aside(fn func(p *party)) task.Task {
	if p.c != nil {
		return p.c.Go(p.body(fn))
	}
	return p.s.GoAfter(0, p.body(fn))
}

// body turns fn into the function of a task, and checks that it is called at most once.
func (p *party) body(fn func(p *party)) func(c *task.Ctx) {
	w, seed := p.world, p.rng.Uint64()
	var began atomic.Bool
	return func(c *task.Ctx) {
		check(!began.Swap(true), "a task has run twice")
		q := w.party(c, c, seed)
		defer q.flush()
		fn(q)
	}
}

// brief returns a context for one wait. It ends soon, because the event of the wait may never come.
func (p *party) brief() (context.Context, context.CancelFunc) {
	d := time.Duration(p.rng.Int64N(int64(100 * time.Microsecond)))
	if p.rng.IntN(2) == 0 {
		d = time.Duration(p.rng.Int64N(int64(2 * time.Millisecond)))
	}
	if p.rng.IntN(2) == 0 {
		return task.WithTimeout(p.ctx, d)
	}
	return context.WithTimeout(p.ctx, d)
}

// round starts parties of both kinds and a goroutine that changes the scheduler beneath them. It
// returns when all is quiet again. If cut is set, it ends the scheduler in the middle.
func (w *world) round(t *testing.T, parties int, seed uint64, cut bool) {
	const draws = 50
	rng := rand.New(rand.NewPCG(seed, 2))
	over := make(chan struct{})
	meddler := make(chan struct{})
	go func() {
		defer close(meddler)
		w.meddle(rand.New(rand.NewPCG(seed, 3)), over)
	}()
	outside := make(chan struct{}, parties)
	for i := range parties {
		p := w.party(w.ctx, nil, rng.Uint64())
		go func() {
			if i%6 == 0 {
				p.run(draws / 3) // of rarer kinds, and goroutines wait longer
				p.flush()
			} else {
				p.spawn(func(p *party) { p.run(draws) }) // waits if the queue has a limit
			}
			outside <- struct{}{}
		}()
	}
	if cut {
		w.cutShort(t, rng)
	}
	for range parties {
		w.await(t, "a goroutine", outside)
	}
	if !cut {
		w.within(t, "the tasks", func() {
			err := w.s.Wait(context.Background())
			check(err == nil, "Scheduler.Wait has failed")
		})
		w.within(t, "functions that timers call", w.armed.Wait)
	}
	close(over)
	w.await(t, "the goroutine that changes the scheduler", meddler)
}

// cutShort ends the scheduler while any operation may be under way.
func (w *world) cutShort(t *testing.T, rng *rand.Rand) {
	// Any moment up to 0.5 s will do.
	time.Sleep(time.Duration(rng.Int64N(1 << (20 + rng.IntN(10)))))
	how := rng.IntN(3)
	w.within(t, "the scheduler's end", func() {
		w.cut.Store(true)
		switch how {
		case 0:
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
			defer cancel()
			if err := w.s.Shutdown(ctx); err != nil {
				check(errors.As(err, new(*scheduler.RunningError)), "Shutdown has failed otherwise than by its time")
			}
		case 1: // Close does not wait if a task calls it
			w.s.Go(func(c *task.Ctx) { _ = w.s.Close() })
		}
		w.endContext() // the goroutines must not wait for tasks that never ran
		check(w.s.Close() == nil, "Close has failed")
	})
}

// within fails the test if f does not return.
func (w *world) within(t *testing.T, what string, f func()) {
	t.Helper()
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		f()
	}()
	w.await(t, what, returned)
}

// await waits for c. If c does not come, await dumps the tasks of the scheduler and fails the test.
func (w *world) await(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		_ = w.s.Dump(os.Stderr)
		fail(fmt.Sprintf("%s: %s: hangs", t.Name(), what))
	}
}

// meddle changes the scheduler until over is closed.
func (w *world) meddle(rng *rand.Rand, over chan struct{}) {
	workers := w.s.Workers()
	for {
		select {
		case <-over:
			w.s.Resume()
			w.uncut(w.s.Resize(workers))
			return
		case <-time.After(time.Duration(rng.Int64N(int64(2 * time.Millisecond)))):
		}
		switch rng.IntN(4) {
		case 0:
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			err := w.s.Pause(ctx)
			cancel()
			if err == nil {
				w.s.Resume()
			} else if !errors.Is(err, context.DeadlineExceeded) {
				w.uncut(err)
			}
		case 1:
			w.uncut(w.s.Resize(1 + rng.IntN(2*workers)))
		case 2:
			check(w.s.Dump(discard{}) == nil, "Dump has failed")
		case 3:
			check(w.s.Stats().Stranded == 0, "work was left beside a sleeping worker")
		}
	}
}

// uncut checks that an operation has not failed, except because of the scheduler's end.
func (w *world) uncut(err error) {
	if err != nil {
		check(w.cut.Load() && errors.Is(err, task.ErrClosed), err.Error())
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
