package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// duration is how long each mixture goes on; 0 for a fixed number of operations.
func duration(t *testing.T) time.Duration {
	v := os.Getenv("HEDDLE_SOAK")
	if v == "" {
		return 0
	}
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		t.Fatalf("HEDDLE_SOAK=%s: want a positive duration, such as 10m", v)
	}
	return d
}

// A party is a task or a goroutine that takes part.
type party struct {
	*world
	ctx context.Context
	c   *task.Ctx // nil for a goroutine
	rng *rand.Rand
}

// operations are what parties do, each as often as the next.
var operations []func(p *party)

func init() { // they refer to it
	operations = []func(p *party){
		(*party).send, (*party).receive, (*party).send, (*party).receive, (*party).choose,
		(*party).lock, (*party).readLock, (*party).writeLock, (*party).permits,
		(*party).signal, (*party).waitSignal, (*party).event, (*party).meet,
		(*party).group, (*party).future, (*party).waitGroup,
		(*party).sleep, (*party).yield, (*party).fork, (*party).sort, (*party).block,
		(*party).fail, (*party).exit, (*party).join, (*party).cancel, (*party).park, (*party).complete,
	}
}

// brief returns a context for one wait: half of the time one that ends soon, so that nothing waits for ever, since
// nobody may come; otherwise one that ends a little later.
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

// spawn starts a task.
func (p *party) spawn(fn func(p *party), opts ...task.Option) task.Task {
	seed := p.rng.Uint64()
	body := func(c *task.Ctx) {
		p.ran.Add(1)
		fn(&party{world: p.world, ctx: c, c: c, rng: rand.New(rand.NewPCG(seed, 1))})
	}
	p.spawned.Add(1)
	if p.rng.IntN(4) == 0 {
		opts = append(opts, p.level())
	}
	if p.c != nil && p.rng.IntN(2) == 0 {
		return p.c.Go(body, opts...)
	}
	return p.s.Go(body, opts...)
}

// run performs n operations.
func (p *party) run(n int) {
	for range n {
		operations[p.rng.IntN(len(operations))](p)
		p.done.Add(1)
	}
}

func TestSoak(t *testing.T) {
	for _, workers := range []int{1, 2, 4, 8} {
		for _, pinning := range []scheduler.Pinning{scheduler.Threads, scheduler.None} {
			t.Run(fmt.Sprintf("workers=%d/%v", workers, pinning), func(t *testing.T) { soak(t, workers, pinning) })
		}
	}
}

func soak(t *testing.T, workers int, pinning scheduler.Pinning) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	var panics atomic.Int64
	opts := []scheduler.Option{
		scheduler.WithWorkers(workers),
		scheduler.WithPinning(pinning),
		scheduler.WithQuantum(time.Millisecond),
		scheduler.WithStallAfter(0),
		scheduler.WithBlockingLimit(4),
		scheduler.WithPanicHandler(func(x task.Task, e *task.PanicError) {
			if e.Value != planted {
				fmt.Fprintf(os.Stderr, "a panic that was not planted, seed %d: %v\n", seed, e)
				os.Exit(2)
			}
			panics.Add(1)
		}),
	}
	switch seed % 3 { // of the other policies nobody could wait for a task that they have left out
	case 0:
		opts = append(opts, scheduler.WithQueueLimit(4, scheduler.Block))
	case 1:
		opts = append(opts, scheduler.WithQueueLimit(4, scheduler.CallerRuns))
	}
	s, err := scheduler.New(opts...)
	require.NoError(t, err)
	w := newWorld(s)

	limit := duration(t)
	start, printed := time.Now(), time.Now()
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	rng := rand.New(rand.NewPCG(seed, uint64(workers)))
	for round := 0; limit == 0 && round < rounds || limit != 0 && time.Since(start) < limit; round++ {
		w.round(t, rng.Uint64())
		if time.Since(printed) > 10*time.Second {
			printed = time.Now()
			fmt.Printf("soak: %v: %d operations, %d tasks\n", time.Since(start).Round(time.Second), w.done.Load(), w.spawned.Load())
		}
		w.balance(t)
	}
	if rng.IntN(2) == 0 {
		require.NoError(t, s.Shutdown(t.Context()))
	} else {
		require.NoError(t, s.Close())
	}
	st := s.Stats()
	require.Equal(t, st.Spawned, st.Finished, "%+v", st)
	require.Zero(t, st.Stranded, "%+v", st)
	require.Equal(t, w.planted.Load(), panics.Load(), "panics")
	require.Equal(t, w.planted.Load(), int64(st.Panics), "panics that the scheduler has counted")
	t.Logf("%d operations, %d tasks", w.done.Load(), w.spawned.Load())
}

// round lets parties of both kinds loose, and somebody who changes the scheduler beneath them; it returns when all is quiet
// again.
func (w *world) round(t *testing.T, seed uint64) {
	const parties, operations = 24, 40
	rng := rand.New(rand.NewPCG(seed, 2))
	over := make(chan struct{})
	meddler := make(chan struct{})
	go func() {
		defer close(meddler)
		w.meddle(rand.New(rand.NewPCG(seed, 3)), over)
	}()
	outside := make(chan struct{})
	for i := range parties {
		p := &party{world: w, ctx: context.Background(), rng: rand.New(rand.NewPCG(rng.Uint64(), uint64(i)))}
		if i%4 == 0 {
			go func() {
				p.run(operations)
				outside <- struct{}{}
			}()
		} else {
			p.spawn(func(p *party) { p.run(operations) })
		}
	}
	for i := range parties {
		if i%4 == 0 {
			w.await(t, outside)
		}
	}
	quiet := make(chan struct{})
	go func() {
		defer close(quiet)
		if err := w.s.Wait(context.Background()); err != nil {
			panic(err)
		}
	}()
	w.await(t, quiet)
	close(over)
	w.await(t, meddler)
}

// await fails with what the scheduler's tasks wait for if c does not come.
func (w *world) await(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(2 * time.Minute):
		_ = w.s.Dump(os.Stderr)
		buf := make([]byte, 1<<20)
		fmt.Fprintf(os.Stderr, "--- FAIL: %s hangs\n%s\n", t.Name(), buf[:runtime.Stack(buf, true)])
		os.Exit(1)
	}
}

// meddle changes the scheduler until over is closed.
func (w *world) meddle(rng *rand.Rand, over chan struct{}) {
	workers := w.s.Workers()
	for {
		select {
		case <-over:
			w.s.Resume()
			if err := w.s.Resize(workers); err != nil {
				panic(err)
			}
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
				panic(err)
			}
		case 1:
			if err := w.s.Resize(1 + rng.IntN(2*workers)); err != nil {
				panic(err)
			}
		case 2:
			if err := w.s.Dump(discard{}); err != nil {
				panic(err)
			}
		case 3:
			if st := w.s.Stats(); st.Stranded != 0 {
				panic(fmt.Sprintf("stranded: %+v", st))
			}
		}
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
