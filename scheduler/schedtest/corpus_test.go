package schedtest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// A planted is a program that has a bug if broken is set, and is mended if not.
type planted struct {
	name string
	kind kind // of the failure
	body func(c *task.Ctx, broken bool)
}

// corpus has bugs of the kinds that programs have. Mixed finds each of them within 1,000 schedules,
// and the mended program never fails.
var corpus = []planted{
	{"lost update", assertionFailed, func(c *task.Ctx, broken bool) {
		n := 0
		var mu tsync.Mutex
		both(func() {
			mu.Lock()
			v := n
			if broken {
				mu.Unlock()
				mu.Lock()
			}
			n = v + 1
			mu.Unlock()
		})
		require.Equal(TOf(c), 2, n)
	}},

	{"double checked locking", assertionFailed, func(c *task.Ctx, broken bool) {
		var made, value atomic.Int64
		var mu tsync.Mutex
		both(func() {
			if made.Load() == 0 {
				mu.Lock()
				if made.Load() == 0 {
					if broken {
						made.Store(1)
						checkpoint()
					}
					value.Store(42)
					checkpoint()
					made.Store(1)
				}
				mu.Unlock()
			}
			require.EqualValues(TOf(c), 42, value.Load())
		})
	}},

	{"ABA in a free list", assertionFailed, func(c *task.Ctx, broken bool) {
		// The head is a node's number, and above it a version that only the mended list counts.
		const none = 3
		var next [none]uint64
		var head atomic.Uint64
		version := func(h uint64) uint64 {
			if broken {
				return 0
			}
			return h&^0xff + 0x100
		}
		push := func(n uint64) {
			for {
				h := head.Load()
				next[n] = h & 0xff
				checkpoint()
				if head.CompareAndSwap(h, version(h)|n) {
					return
				}
			}
		}
		pop := func() uint64 {
			for {
				h := head.Load()
				if h&0xff == none {
					return none
				}
				to := next[h&0xff]
				checkpoint()
				if head.CompareAndSwap(h, version(h)|to) {
					return h & 0xff
				}
			}
		}
		head.Store(none)
		for n := range uint64(none) {
			push(n)
		}
		var used [none]int
		take := func() uint64 {
			n := pop()
			if n != none {
				used[n]++
				require.Equal(TOf(c), 1, used[n], "node %d has two owners", n)
			}
			return n
		}
		give := func(n uint64) {
			if n != none {
				used[n]--
				push(n)
			}
		}
		both(func() {
			a := take()
			b := take()
			give(a)
			checkpoint()
			give(b)
		})
	}},

	{"philosophers", deadlock, func(c *task.Ctx, broken bool) {
		var fork [3]tsync.Mutex
		var wg tsync.WaitGroup
		for i := range fork {
			wg.Go(func() {
				first, second := i, (i+1)%len(fork)
				if !broken && second < first {
					first, second = second, first
				}
				fork[first].Lock()
				defer fork[first].Unlock()
				fork[second].Lock()
				defer fork[second].Unlock()
			})
		}
		wg.Wait()
	}},

	{"signal before the wait", deadlock, func(c *task.Ctx, broken bool) {
		var mu tsync.Mutex
		cond := tsync.NewCond(&mu)
		ready := false
		c.Go(func(c *task.Ctx) {
			mu.Lock()
			ready = true
			cond.Signal()
			mu.Unlock()
		})
		mu.Lock()
		for broken || !ready {
			cond.Wait()
			if broken {
				break
			}
		}
		mu.Unlock()
	}},

	{"wait in an if", assertionFailed, func(c *task.Ctx, broken bool) {
		var mu tsync.Mutex
		cond := tsync.NewCond(&mu)
		items, taken := 0, 0
		consume := func() {
			mu.Lock()
			for items == 0 && taken == 0 {
				cond.Wait()
				if broken {
					break
				}
			}
			if items > 0 || broken {
				items--
				taken++
			}
			mu.Unlock()
		}
		var wg tsync.WaitGroup
		wg.Go(consume)
		wg.Go(consume)
		mu.Lock()
		items++
		cond.Broadcast()
		mu.Unlock()
		wg.Wait()
		require.GreaterOrEqual(TOf(c), items, 0)
	}},

	{"semaphore leaked on cancel", deadlock, func(c *task.Ctx, broken bool) {
		sem := tsync.NewSemaphore(1)
		work := tsync.NewChan[int](0)
		w := c.Go(func(c *task.Ctx) {
			if sem.Acquire(c, 1) != nil {
				return
			}
			if _, _, err := work.Recv(c); err != nil && broken {
				return
			}
			sem.Release(1)
		})
		w.Cancel()
		_ = sem.Acquire(context.Background(), 1)
	}},

	{"close beside send", panicked, func(c *task.Ctx, broken bool) {
		ch := tsync.NewChan[int](4)
		var wg tsync.WaitGroup
		for i := range 2 {
			wg.Go(func() { _ = ch.Send(context.Background(), i) })
		}
		if !broken {
			wg.Wait()
		}
		ch.Close()
	}},

	{"cache stampede", assertionFailed, func(c *task.Ctx, broken bool) {
		loads := 0
		var mu tsync.Mutex
		cache := map[string]int{}
		var flight task.Flight[string, int]
		load := func() (int, error) {
			loads++
			c, _ := task.Current()
			_ = c.Sleep(time.Second)
			mu.Lock()
			cache["k"] = 1
			mu.Unlock()
			return 1, nil
		}
		both(func() {
			mu.Lock()
			_, ok := cache["k"]
			mu.Unlock()
			if ok {
				return
			}
			if broken {
				_, _ = load()
				return
			}
			_, _ = flight.Do("k", func() (int, error) {
				mu.Lock()
				v, ok := cache["k"]
				mu.Unlock()
				if ok {
					return v, nil
				}
				return load()
			})
		})
		require.Equal(TOf(c), 1, loads)
	}},

	{"broken once", assertionFailed, func(c *task.Ctx, broken bool) {
		var once tsync.Once
		begun, ready := false, false
		setup := func() {
			checkpoint()
			ready = true
		}
		both(func() {
			if !broken {
				once.Do(setup)
			} else if !begun {
				begun = true
				setup()
			}
			require.True(TOf(c), ready)
		})
	}},

	{"rate limiter after a pause", assertionFailed, func(c *task.Ctx, broken bool) {
		const burst = 2
		var mu tsync.Mutex
		tokens, last := burst, time.Now()
		allow := func() bool {
			mu.Lock()
			defer mu.Unlock()
			n := int(time.Since(last) / time.Minute)
			last = last.Add(time.Duration(n) * time.Minute)
			if tokens += n; !broken {
				tokens = min(tokens, burst)
			}
			if tokens == 0 {
				return false
			}
			tokens--
			return true
		}
		_ = c.Sleep(time.Hour)
		n := 0
		var wg tsync.WaitGroup
		for range burst + 1 {
			wg.Go(func() {
				if allow() {
					n++
				}
			})
		}
		wg.Wait()
		require.Equal(TOf(c), burst, n)
	}},

	{"actor forgets a reply", deadlock, func(c *task.Ctx, broken bool) {
		type request struct{ reply *tsync.Chan[bool] }
		inbox, stop := tsync.NewChan[request](4), tsync.NewChan[int](1)
		c.Go(func(c *task.Ctx) {
			r, s := inbox.RecvCase(), stop.RecvCase()
			for {
				switch chosen, _ := tsync.Select(c, r, s); chosen {
				case r:
					r.Value.reply.TrySend(true)
				default:
					for v, ok := inbox.TryRecv(); ok && !broken; v, ok = inbox.TryRecv() {
						v.reply.TrySend(false)
					}
					return
				}
			}
		}, task.Name("actor"))
		reply := tsync.NewChan[bool](1)
		_ = inbox.Send(c, request{reply})
		stop.TrySend(1)
		_, _, _ = reply.Recv(c)
	}},

	{"no second look after an upgrade", assertionFailed, func(c *task.Ctx, broken bool) {
		var rw tsync.RWMutex
		m, made := map[string]int{}, 0
		both(func() {
			rw.RLock()
			_, ok := m["k"]
			rw.RUnlock()
			if ok {
				return
			}
			rw.Lock()
			defer rw.Unlock()
			if _, ok := m["k"]; !ok || broken {
				m["k"] = 1
				made++
			}
		})
		require.Equal(TOf(c), 1, made)
	}},

	{"WaitGroup.Add in the task", assertionFailed, func(c *task.Ctx, broken bool) {
		var wg tsync.WaitGroup
		n := 0
		for range 2 {
			if !broken {
				wg.Add(1)
			}
			c.Go(func(c *task.Ctx) {
				if broken {
					wg.Add(1)
				}
				n++
				wg.Done()
			})
		}
		wg.Wait()
		require.Equal(TOf(c), 2, n)
	}},

	{"signal wakes the wrong side", deadlock, func(c *task.Ctx, broken bool) {
		var mu tsync.Mutex
		cond := tsync.NewCond(&mu) // of producers and consumers alike
		n := 0
		wake := cond.Broadcast
		if broken {
			wake = cond.Signal
		}
		move := func(from, to int) func() {
			return func() {
				for range 2 {
					mu.Lock()
					for n != from {
						cond.Wait()
					}
					n = to
					wake()
					mu.Unlock()
				}
			}
		}
		var wg tsync.WaitGroup
		for range 2 {
			wg.Go(move(0, 1))
			wg.Go(move(1, 0))
		}
		wg.Wait()
	}},

	{"transfers in both directions", deadlock, func(c *task.Ctx, broken bool) {
		var mu [2]tsync.Mutex
		balance := [2]int{100, 100}
		transfer := func(from, to, n int) func() {
			return func() {
				a, b := from, to
				if !broken {
					a, b = min(from, to), max(from, to)
				}
				mu[a].Lock()
				defer mu[a].Unlock()
				mu[b].Lock()
				defer mu[b].Unlock()
				balance[from] -= n
				balance[to] += n
			}
		}
		var wg tsync.WaitGroup
		wg.Go(transfer(0, 1, 10))
		wg.Go(transfer(1, 0, 20))
		wg.Wait()
		require.Equal(TOf(c), [2]int{110, 90}, balance)
	}},

	{"late answer without a receiver", tasksLeft, func(c *task.Ctx, broken bool) {
		capacity := 1
		if broken {
			capacity = 0
		}
		answer := tsync.NewChan[int](capacity)
		c.Go(func(c *task.Ctx) {
			_ = c.Sleep(time.Second)
			_ = answer.Send(c, 1)
		}, task.Name("worker"))
		ctx, cancel := task.WithTimeout(c, time.Second)
		defer cancel()
		_, _, _ = answer.Recv(ctx)
	}},

	{"closed twice", panicked, func(c *task.Ctx, broken bool) {
		ch := tsync.NewChan[int](0)
		var once tsync.Once
		closed := false
		both(func() {
			if !broken {
				once.Do(ch.Close)
				return
			}
			if !closed {
				checkpoint()
				closed = true
				ch.Close()
			}
		})
	}},

	{"torn configuration", assertionFailed, func(c *task.Ctx, broken bool) {
		var mu tsync.Mutex
		host, port := "a", 1
		c.Go(func(c *task.Ctx) {
			mu.Lock()
			defer mu.Unlock()
			host, port = "b", 2
		})
		mu.Lock()
		h := host
		if broken {
			mu.Unlock()
			mu.Lock()
		}
		p := port
		mu.Unlock()
		require.Contains(TOf(c), []string{"a1", "b2"}, fmt.Sprint(h, p))
	}},

	{"work lost at shutdown", assertionFailed, func(c *task.Ctx, broken bool) {
		work, quit := tsync.NewChan[int](4), tsync.NewChan[int](0)
		done := 0
		w := c.Go(func(c *task.Ctx) {
			r, q := work.RecvCase(), quit.RecvCase()
			for {
				if chosen, _ := tsync.Select(c, r, q); chosen == tsync.Case(r) {
					done++
					continue
				}
				for !broken {
					if _, ok := work.TryRecv(); !ok {
						break
					}
					done++
				}
				return
			}
		})
		for i := range 2 {
			_ = work.Send(c, i)
		}
		quit.Close()
		_ = w.Wait()
		require.Equal(TOf(c), 2, done)
	}},

	{"parents hold what children need", deadlock, func(c *task.Ctx, broken bool) {
		sem := tsync.NewSemaphore(2)
		both(func() {
			c, _ := task.Current()
			_ = sem.Acquire(c, 1)
			if !broken {
				sem.Release(1)
			}
			_ = c.Go(func(c *task.Ctx) {
				_ = sem.Acquire(c, 1)
				sem.Release(1)
			}).Wait()
			if broken {
				sem.Release(1)
			}
		})
	}},

	{"barrier without rounds", deadlock, func(c *task.Ctx, broken bool) {
		var mu tsync.Mutex
		cond := tsync.NewCond(&mu)
		here, round := 0, 0
		wait := func() {
			mu.Lock()
			defer mu.Unlock()
			mine := round
			if here++; here == 2 {
				here = 0
				round++
				cond.Broadcast()
				return
			}
			for broken && here != 0 || !broken && mine == round { // the other may be in the next round already
				cond.Wait()
			}
		}
		both(func() {
			wait()
			wait()
		})
	}},

	{"skipped because the lock was busy", assertionFailed, func(c *task.Ctx, broken bool) {
		var mu tsync.Mutex
		n := 0
		both(func() {
			if !broken {
				mu.Lock()
			} else if !mu.TryLock() {
				return
			}
			n++
			mu.Unlock()
		})
		require.Equal(TOf(c), 2, n)
	}},

	{"charged twice", assertionFailed, func(c *task.Ctx, broken bool) {
		var answer task.Completion[int]
		charged := 0
		both(func() {
			if broken && answer.Ready() {
				return
			}
			if answer.Complete(1, nil) || broken {
				charged++
			}
		})
		require.Equal(TOf(c), 1, charged)
	}},

	{"event reset too late", deadlock, func(c *task.Ctx, broken bool) {
		var e tsync.Event
		ch := tsync.NewChan[int](1)
		queue := 0
		c.Go(func(c *task.Ctx) {
			for range 2 {
				queue++
				e.Set()
				ch.TrySend(1)
			}
		})
		for seen := 0; seen < 2; {
			if broken {
				e.Wait()
			} else {
				_, _, _ = ch.Recv(c)
			}
			n := queue
			queue = 0
			seen += n
			if broken {
				e.Reset()
			}
		}
	}},

	{"stage leaves its source", tasksLeft, func(c *task.Ctx, broken bool) {
		ctx, cancel := context.WithCancel(c)
		if broken {
			ctx = context.WithoutCancel(c)
		}
		ch := tsync.NewChan[int](0)
		c.Go(func(c *task.Ctx) {
			for i := range 3 {
				if ch.Send(ctx, i) != nil {
					return
				}
			}
		}, task.Name("source"))
		for range 2 {
			_, _, _ = ch.Recv(c)
		}
		cancel()
	}},

	{"unlock of what was not locked", panicked, func(c *task.Ctx, broken bool) {
		var mu tsync.Mutex
		w := c.Go(func(c *task.Ctx) {
			if err := mu.LockContext(c); err != nil && !broken {
				return
			}
			mu.Unlock()
		})
		w.Cancel()
	}},

	{"used after the last release", assertionFailed, func(c *task.Ctx, broken bool) {
		var mu tsync.Mutex
		refs, freed := 1, false
		release := func() {
			mu.Lock()
			refs--
			last := refs == 0
			if !broken {
				freed = freed || last
				mu.Unlock()
				return
			}
			mu.Unlock()
			checkpoint()
			if last {
				freed = true
			}
		}
		c.Go(func(c *task.Ctx) { release() })
		mu.Lock()
		got := !freed
		if got {
			refs++
		}
		mu.Unlock()
		if got {
			checkpoint()
			require.False(TOf(c), freed)
			release()
		}
	}},

	{"timer fires in spite of Stop", assertionFailed, func(c *task.Ctx, broken bool) {
		ended := ""
		var mu tsync.Mutex
		end := func(how string) {
			mu.Lock()
			defer mu.Unlock()
			if ended == "" || broken {
				ended += how
			}
		}
		timer := tsync.AfterFunc(c, time.Minute, func(*task.Ctx) { end("timeout") })
		_ = c.Sleep(time.Minute)
		timer.Stop()
		end("done")
		_ = c.Sleep(time.Minute)
		require.Contains(TOf(c), []string{"done", "timeout"}, ended)
	}},

	{"error of the slower one is lost", assertionFailed, func(c *task.Ctx, broken bool) {
		var mu tsync.Mutex
		var first error
		var wg tsync.WaitGroup
		for _, err := range []error{errors.New("disk"), nil} {
			wg.Go(func() {
				mu.Lock()
				defer mu.Unlock()
				if broken || err != nil {
					first = err
				}
			})
		}
		wg.Wait()
		require.Error(TOf(c), first)
	}},
}

// both runs f in two tasks and waits for them.
func both(f func()) {
	var wg tsync.WaitGroup
	wg.Go(f)
	wg.Go(f)
	wg.Wait()
}

// checkpoint is a yield point of the caller, between two operations that heddle knows nothing of.
func checkpoint() {
	c, _ := task.Current()
	c.Checkpoint()
}

// update writes testdata/schedules.txt.
var update = flag.Bool("update", false, "write testdata/schedules.txt")

const goldenFile = "testdata/schedules.txt"

// A golden is a line of testdata/schedules.txt: the shortest schedule that Mixed has found for a
// planted bug, and the run to which that schedule leads.
type golden struct {
	schedule string
	steps    int
	digest   uint64 // of the steps: which task, in which operation
}

// digest returns the digest of a traced run. It leaves out the lines, which the compiler may give to
// deferred calls differently with -race.
func digest(steps []step) uint64 {
	h := fnv.New64a()
	for _, s := range steps {
		fmt.Fprintf(h, "%d %s %s\n", s.id, s.task, s.what)
	}
	return h.Sum64()
}

// readGolden returns the lines of testdata/schedules.txt by the names of the bugs.
func readGolden(t *testing.T) map[string]golden {
	b, err := os.ReadFile(goldenFile)
	require.NoError(t, err)
	m := map[string]golden{}
	for line := range strings.Lines(string(b)) {
		var g golden
		name, rest, ok := strings.Cut(line, ": ")
		require.True(t, ok, line)
		_, err := fmt.Sscanf(rest, "%s %d steps, digest %x", &g.schedule, &g.steps, &g.digest)
		require.NoError(t, err, line)
		m[name] = g
	}
	return m
}

// writeGolden is the reverse of readGolden.
func writeGolden(t *testing.T, m map[string]golden) {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, "%s: %s %d steps, digest %x\n", name, m[name].schedule, m[name].steps, m[name].digest)
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(goldenFile), 0o777))
	require.NoError(t, os.WriteFile(goldenFile, []byte(b.String()), 0o666))
}

// A schedule is the same in every process, on every number of CPUs and architecture, with and
// without the race detector, and while other tests run in parallel. So for each planted bug, the
// recommended mode finds the schedule that another process wrote to testdata/schedules.txt. And
// each time that schedule runs, it leads to the run that is written there.
func TestCorpus(t *testing.T) {
	var want map[string]golden
	if !*update {
		want = readGolden(t)
		require.Len(t, want, len(corpus))
	}
	var mu sync.Mutex
	got := map[string]golden{}
	t.Run("bugs", func(t *testing.T) {
		for _, p := range part(corpus) {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				cfg := Config{}.complete(func(c *task.Ctx) { p.body(c, true) })
				f := search(t, cfg).failed
				require.NotNil(t, f, "no schedule has failed")
				require.Equal(t, p.kind, f.kind, f.message)
				s, err := parseSchedule(f.schedule)
				require.NoError(t, err)
				x := again(t, cfg, s, true, false)
				g := golden{f.schedule, x.steps, digest(f.steps)}
				mu.Lock()
				got[p.name] = g
				mu.Unlock()
				if !*update {
					require.Equal(t, want[p.name], g)
				}
				for range many(50) {
					y := again(t, cfg, s, true, false)
					require.Empty(t, differs(x, y))
					require.Equal(t, x.choices, y.choices)
				}
			})
		}
	})
	if *update {
		writeGolden(t, got)
	}
}

// The other modes find the same bugs. With -v the log has the rows of the table in BENCHMARKS.md,
// with the schedules and the least time of nine searches to the first failure.
func TestCorpusByMode(t *testing.T) {
	modes := []Config{
		{}, {Mode: Random}, {Mode: PCT}, {Mode: DepthFirst, Preemptions: 2, Schedules: 1_000},
	}
	if testing.Short() {
		modes = modes[1:3]
	}
	searches := 1
	if testing.Verbose() {
		searches = 9
	}
	for _, p := range part(corpus) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			row := "| " + p.name
			for _, cfg := range modes {
				var r result
				var x *execution
				took := time.Duration(math.MaxInt64)
				for range searches {
					begin := time.Now()
					r, x = hunt(t, cfg.complete(func(c *task.Ctx) { p.body(c, true) }))
					took = min(took, time.Since(begin))
				}
				require.Nil(t, r.failed)
				if x == nil {
					row += " | -"
					continue
				}
				require.Equal(t, p.kind, x.fail.kind, x.fail.message)
				row += fmt.Sprintf(" | %d, %.1f ms", r.schedules, float64(took.Microseconds())/1000)
			}
			t.Log(row + " |")
		})
	}
}

// No mended program fails.
func TestCorpusMended(t *testing.T) {
	for _, p := range corpus {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			Run(t, Config{Schedules: many(4_000)}, func(c *task.Ctx) { p.body(c, false) })
		})
	}
}
