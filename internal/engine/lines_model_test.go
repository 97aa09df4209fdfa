//go:build heddle_model

package engine

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/cpu"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// These tests count which words of memory that all workers share are written for one operation. In
// this build each word and mutex of package atomicx tells of its writes. A write of any other kind
// needs no counting: a plain word that several workers may write is under a mutex, whose own word
// is counted, or the race detector would find it.

// A word is one word of atomicx, or another field that no smaller word is in.
type word struct {
	at   uintptr
	size uintptr
	name string // the path of the field, as Go code writes it
}

// An atlas knows the words of a scheduler by their addresses.
type atlas struct {
	shared []word  // those that all workers share, by address
	own    []word  // those of the workers
	lo, hi uintptr // where the scheduler's own struct lies
	// unwatched lists the words and mutexes of other packages than atomicx. Their writes are not
	// counted.
	unwatched []string
}

// newAtlas walks through s and the objects that it points to.
func newAtlas(s *Scheduler) *atlas {
	lo := uintptr(unsafe.Pointer(s))
	a := &atlas{lo: lo, hi: lo + unsafe.Sizeof(*s)}
	seen := map[uintptr]bool{}
	a.walk(reflect.ValueOf(s).Elem(), "", &a.shared, seen)
	a.unwatched = slices.Compact(slices.Sorted(slices.Values(a.unwatched)))
	unwatched := a.unwatched
	for i, w := range s.workers() {
		a.walk(reflect.ValueOf(w).Elem(), fmt.Sprint("worker", i), &a.own, seen)
	}
	a.unwatched = unwatched // a worker's words are its own or in shown, which it alone writes
	for _, ws := range [][]word{a.shared, a.own} {
		sort.Slice(ws, func(i, j int) bool { return ws[i].at < ws[j].at })
	}
	return a
}

// walk adds the words of v, which is addressable. It follows pointers to structs of this module,
// but not to tasks and workers, and not back into the scheduler, whose words have a name.
func (a *atlas) walk(v reflect.Value, path string, to *[]word, seen map[uintptr]bool) {
	t := v.Type()
	leaf := func() { *to = append(*to, word{v.UnsafeAddr(), t.Size(), path}) }
	switch pkg := t.PkgPath(); {
	case pkg == "sync" || pkg == "sync/atomic" || pkg == "go.uber.org/atomic":
		a.unwatched = append(a.unwatched, path)
		leaf()
		return
	case strings.HasSuffix(pkg, "/internal/atomicx"):
		leaf()
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			at := path
			if f := t.Field(i); !f.Anonymous {
				at = strings.TrimPrefix(path+"."+f.Name, ".")
			}
			a.walk(v.Field(i), at, to, seen)
		}
	case reflect.Pointer:
		leaf()
		e := t.Elem()
		if v.IsNil() || seen[v.Pointer()] || a.lo <= v.Pointer() && v.Pointer() < a.hi || e.Kind() != reflect.Struct ||
			!strings.Contains(e.PkgPath(), "heddle") || e == reflect.TypeFor[worker]() ||
			e == reflect.TypeFor[rt.Task]() || e == reflect.TypeFor[Scheduler]() {
			return
		}
		seen[v.Pointer()] = true
		a.walk(v.Elem(), path, to, seen)
	default:
		leaf()
	}
}

// find returns the word of ws at address at, or "".
func find(ws []word, at uintptr) string {
	i := sort.Search(len(ws), func(i int) bool { return ws[i].at > at }) - 1
	if i < 0 || at >= ws[i].at+ws[i].size {
		return ""
	}
	return ws[i].name
}

// A tally is what was written meanwhile.
type tally struct {
	shared map[string]int  // writes of words that all workers share
	own    map[string]int  // writes of a worker's words
	other  map[string]int  // writes of other words, by the type of the method that wrote
	lines  map[uintptr]int // shared cache lines
}

func newTally() tally {
	return tally{map[string]int{}, map[string]int{}, map[string]int{}, map[uintptr]int{}}
}

// count calls f and counts what it and all that runs meanwhile writes.
func (a *atlas) count(f func()) tally {
	c := newTally()
	var mu sync.Mutex
	stop := atomicx.WatchWrites(func(_ string, p unsafe.Pointer) {
		mu.Lock()
		defer mu.Unlock()
		at := uintptr(p)
		if name := find(a.shared, at); name != "" {
			c.shared[name]++
			c.lines[at/unsafe.Sizeof(cpu.CacheLinePad{})]++
		} else if name := find(a.own, at); name != "" {
			c.own[name]++
		} else {
			c.other[writer()]++
		}
	})
	defer stop()
	f()
	return c
}

// writer returns the type whose method wrote, such as "rt.Task".
func writer() string {
	var pcs [12]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		f, more := frames.Next()
		name := f.Function[strings.LastIndex(f.Function, "/")+1:]
		if !strings.HasPrefix(name, "atomicx.") || !more {
			if i := strings.Index(name, "["); i >= 0 {
				name = name[:i]
			}
			if pkg, rest, ok := strings.Cut(name, ".(*"); ok {
				typ, _, _ := strings.Cut(rest, ")")
				return pkg + "." + typ
			}
			return name
		}
	}
}

// A lineBench is a scheduler without a monitor, so that only workers and the test write.
type lineBench struct {
	*Scheduler
	*atlas
	t *testing.T
}

// newLineBench makes a scheduler with n workers and makes everything that is made once.
func newLineBench(t *testing.T, n int) *lineBench {
	t.Helper()
	s := newScheduler(configOf(withWorkers(n)))
	s.grow(n)
	t.Cleanup(func() {
		s.mon.Start() // so that it can stop
		s.Close()
	})
	return &lineBench{s, newAtlas(s), t}
}

// run has a task call f.
func (b *lineBench) run(f func(c *task.Ctx)) {
	b.t.Helper()
	done := make(chan struct{})
	b.Go(func(c *task.Ctx) {
		f(c)
		close(done)
	})
	<-done // a Wait would write the task's waiter while f runs
}

// often is how many operations each test counts.
const often = 1000

// A cost says which writes of shared words are allowed.
type cost struct {
	each  map[string]int // writes for each operation, exactly
	some  map[string]int // at most so many writes in all
	lines int            // the shared cache lines that the words lie in, at most
	other []string       // the objects that are written besides: the operation's own
}

// require checks c, the tally of often operations.
func (b *lineBench) require(name string, c tally, want cost) {
	b.t.Helper()
	b.t.Logf("%s: shared %v, %d lines; of the workers %v; others %v", name, c.shared, len(c.lines), c.own, c.other)
	for word, n := range want.each {
		require.Equal(b.t, n*often, c.shared[word], "%s: writes of %s", name, word)
	}
	for word, n := range c.shared {
		if _, ok := want.each[word]; !ok {
			require.LessOrEqual(b.t, n, want.some[word], "%s: writes of %s", name, word)
		}
	}
	require.LessOrEqual(b.t, len(c.lines), want.lines, "%s: shared lines", name)
	for by := range c.other {
		require.Contains(b.t, want.other, by, "%s: %d writes of an unknown object", name, c.other[by])
	}
}

// repeat has a task of one worker call f twice, and returns what the second call writes. The first
// call makes what is made once: fibers, descriptors, rings.
func (b *lineBench) repeat(f func(c *task.Ctx)) (t tally) {
	b.t.Helper()
	b.run(func(c *task.Ctx) {
		f(c)
		t = b.count(func() { f(c) })
	})
	return t
}

// The words and mutexes that the count leaves out. Tasks that spawn, yield, park, wake each other,
// sleep or lock touch none of them, as the comments say.
var leftOut = []string{
	"offload.done", "offload.mu", // blocking calls on a blocker
	"pool.done", "finish", "fiberPool.trimming", // Close, and sysmon
	"shared.Waiters", "timers.free", // a sync.Pool has a list for each P
	"mon.mu", "mon.once", "mon.quantum", "mon.stall", "quantum", // settings
	"overflows.abandoned", "overflows.closed", "overflows.delayed", "overflows.dropped", "overflows.rejected", // a full queue
	"periodic.mu",    // GoEvery
	"procs",          // sysmon writes it
	"waitProfile.mu", // WithWaitProfile
	"waits.mu",       // Scheduler.Wait
}

func TestUncountedWords(t *testing.T) {
	require.ElementsMatch(t, leftOut, newLineBench(t, 1).unwatched)
}

// A task writes no line that all workers share when it yields, parks, wakes a task of its worker,
// locks a mutex that is free, or passes a value to a task of its worker.
func TestTasksWriteNoSharedLine(t *testing.T) {
	b := newLineBench(t, 1)
	objects := []string{"rt.Task", "deque.slot", "engine.worker"} // the latter: the fiber's Since
	nothing := func(*task.Ctx) {}

	b.require("spawn", b.repeat(func(c *task.Ctx) {
		for range often {
			c.Go(nothing)
			c.Yield()
		}
	}), cost{other: objects})

	b.require("yield", b.repeat(func(c *task.Ctx) {
		h := c.Go(func(c *task.Ctx) {
			for range often {
				c.Yield()
			}
		})
		for h.State() != task.Done {
			c.Yield()
		}
	}), cost{other: objects})

	// A worker that needs a fiber looks for one in the pool, and counts the one that it makes. The
	// fiber enters the table of fibers.
	made := map[string]int{"fiberPool.mu": 2, "fiberPool.created": 1}
	first := append(objects, "fiber.currentFibers", "fiber.table")
	b.require("park, ready", b.repeat(func(c *task.Ctx) {
		me := c.Task()
		h := c.Go(func(c *task.Ctx) {
			for range often {
				c.Ready(me)
				if err := c.Park(); err != nil {
					panic(err)
				}
			}
		})
		for range often {
			if err := c.Park(); err != nil {
				panic(err)
			}
			c.Ready(h)
		}
	}), cost{some: made, lines: 2, other: first})

	b.require("send, recv", b.repeat(func(c *task.Ctx) {
		ch := tsync.NewChan[int](0)
		c.Go(func(c *task.Ctx) {
			for i := range often {
				ch.Send(c, i)
			}
		})
		for range often {
			ch.Recv(c)
		}
	}), cost{some: made, lines: 2, other: append(first, "tsync.Chan")})

	b.require("lock, unlock", b.repeat(func(*task.Ctx) {
		var mu tsync.Mutex
		held := 0
		for range often {
			mu.Lock()
			held++
			mu.Unlock()
		}
	}), cost{other: []string{"tsync.Mutex"}})
}

// Nor does a task write such a line when it sleeps, or arms and disarms a timer. The worker's own
// queue has the timers, and the worker fires them.
func TestTimersOfTasksWriteNoSharedLine(t *testing.T) {
	b := newLineBench(t, 1)
	// timers.Queue writes the Deep of the timer.
	objects := []string{"rt.Task", "rt.Timer", "deque.slot", "engine.worker", "timers.Queue", "tsync.alarm"}
	b.require("sleep and wake", b.repeat(func(c *task.Ctx) {
		for range often {
			if err := c.Sleep(1); err != nil {
				panic(err)
			}
		}
	}), cost{other: objects})
	b.require("arm and disarm", b.repeat(func(c *task.Ctx) {
		for range often {
			tsync.AfterFunc(c, time.Hour, func(*task.Ctx) {}).Stop()
		}
	}), cost{other: objects})
}

// newBareBench makes a scheduler of n workers that run only when the test calls them.
func newBareBench(t *testing.T, n int) *lineBench {
	s := newBare(n)
	return &lineBench{s, newAtlas(s), t}
}

// A submission writes the lines of the injector and of live. A worker takes a batch of submissions
// at once.
func TestSubmissionsWriteLines(t *testing.T) {
	b := newBareBench(t, 1)
	var err error
	var waitCtx context.Context // none
	submit := func() {
		for range often {
			if _, _, err = b.request(waitCtx, func(*task.Ctx) {}, nil); err != nil {
				return
			}
		}
	}
	submit() // makes the ring
	w := b.workers()[0]
	drain := func() {
		for range often {
			d := w.pick()
			require.NotNil(t, d)
			w.publishEnd(d, rt.Returned)
		}
	}
	drain()
	chunks := often/63 + 1
	b.require("submit", b.count(submit), cost{
		each: map[string]int{"live": 1, "inj.mu": 2, "inj.accepted": 1, "inj.n": 1},
		// Descriptors come 63 at a time. Filling the list and making a chunk take the lock each.
		some:  map[string]int{"taskPool.mu": 4 * chunks},
		lines: 7, other: []string{"rt.Task"},
	})
	require.NoError(t, err)
	batches := often/maxTaken + 2 + often/fairTick
	b.require("take", b.count(drain), cost{
		some: map[string]int{
			"inj.mu": 2 * batches, "inj.n": 2 * batches,
			"taskPool.mu": 2 * chunks, // the list gives what it holds too many back
		},
		lines: 7, other: []string{"rt.Task", "deque.slot"},
	})
}

// maxTaken is the batch that a worker takes from the injector (inject.maxBatch).
const maxTaken = 128

// A worker that finds nothing at hand begins and ends a search, whatever it steals then.
func TestStealsWriteOneLine(t *testing.T) {
	b := newBareBench(t, 2)
	thief, victim := b.workers()[0], b.workers()[1]
	queue := func() {
		require.True(t, b.enter())
		d, _ := b.newTask(func(*task.Ctx) {}, nil)
		victim.runq.Push(d)
	}
	total := newTally()
	for range often {
		queue()
		total.add(b.count(func() {
			require.True(t, b.idle.TrySearch())
			thief.searching = true
			require.NotNil(t, thief.stealFrom(victim))
			thief.stopSearching()
		}))
	}
	b.require("steal", total, cost{
		each: map[string]int{"idle.state": 2}, lines: 1, other: []string{"deque.slot", "rt.Task"},
	})
}

func (c tally) add(d tally) {
	for _, m := range [][2]map[string]int{{c.shared, d.shared}, {c.own, d.own}, {c.other, d.other}} {
		for name, n := range m[1] {
			m[0][name] += n
		}
	}
	for line, n := range d.lines {
		c.lines[line] += n
	}
}

// A worker falls asleep, and another party wakes it.
func TestSleepAndWakeWriteLines(t *testing.T) {
	b := newBareBench(t, 2)
	w := b.workers()[1]
	asleep := newTally()
	woken := newTally()
	w.searching = true
	require.True(t, b.idle.TrySearch())
	for range often {
		asleep.add(b.count(w.announce))
		woken.add(b.count(b.wakeOne))
		w.parker.Park() // the wake-up has come already
	}
	b.require("fall asleep", asleep, cost{
		each:  map[string]int{"idle.mu": 2, "idle.state": 1},
		lines: 2,
	})
	b.require("wake", woken, cost{
		each: map[string]int{"idle.mu": 2, "idle.state": 1, "wakes": 1}, lines: 3,
	})
}
