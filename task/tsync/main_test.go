package tsync

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
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

// patience is the time after which a test reports that it hangs. No test waits for it to pass.
const patience = 5 * time.Minute

// errStop is the cause of the tests' cancellations.
var errStop = errors.New("stop")

// A flavour says whether tasks or goroutines do the operations of a test.
type flavour string

const (
	tasks      flavour = "tasks"
	derived    flavour = "derived" // tasks that pass a context derived from their Ctx
	goroutines flavour = "goroutines"
	mixture    flavour = "mixture"
)

// A world runs the units of a test.
type world struct {
	t     *testing.T
	s     *scheduler.Scheduler
	f     flavour
	units int
	wg    sync.WaitGroup

	mu   sync.Mutex
	errs []string
}

// A unit is a task or a goroutine of a test.
type unit struct {
	cancel context.CancelCauseFunc
	done   chan struct{}
}

// each runs test in each flavour with each number of workers.
func each(t *testing.T, test func(w *world)) {
	eachOf(t, []int{1, 2, 8}, []flavour{tasks, derived, goroutines, mixture}, test)
}

func eachOf(t *testing.T, counts []int, fs []flavour, test func(w *world)) {
	t.Helper()
	for _, f := range fs {
		for _, n := range counts {
			if f == goroutines && n != counts[0] {
				continue // for goroutines the number of workers makes no difference
			}
			t.Run(fmt.Sprintf("%s/workers=%d", f, n), func(t *testing.T) {
				s, err := scheduler.New(scheduler.WithWorkers(n))
				require.NoError(t, err)
				w := &world{t: t, s: s, f: f}
				hung := time.AfterFunc(patience, func() {
					buf := make([]byte, 1<<20)
					panic(fmt.Sprintf("%s hangs\n%s", t.Name(), buf[:runtime.Stack(buf, true)]))
				})
				defer hung.Stop()
				defer func() {
					require.NoError(t, s.Close())
					st := s.Stats()
					require.Equal(t, st.Spawned, st.Finished)
					require.Zero(t, st.Stranded)
				}()
				test(w)
				w.wait()
			})
		}
	}
}

// start starts a unit, which gets a context of its own.
func (w *world) start(f func(ctx context.Context)) *unit {
	w.units++
	u := &unit{done: make(chan struct{})}
	w.wg.Add(1)
	// The test waits for started, because a task that is cancelled before it starts never runs.
	started := make(chan struct{})
	run := func(ctx context.Context) {
		close(started)
		defer w.wg.Done()
		defer close(u.done)
		defer func() {
			if p := recover(); p != nil {
				w.errorf("panic: %v", p)
			}
		}()
		f(ctx)
	}
	kind := w.f
	if kind == mixture {
		kind = [...]flavour{tasks, goroutines, derived}[w.units%3]
	}
	switch kind {
	case tasks:
		t := w.s.Go(func(c *task.Ctx) { run(c) })
		u.cancel = t.CancelCause
	case derived:
		ready := make(chan context.CancelCauseFunc, 1)
		w.s.Go(func(c *task.Ctx) {
			ctx, cancel := context.WithCancelCause(c)
			defer cancel(nil)
			ready <- cancel
			run(ctx)
		})
		u.cancel = <-ready
	default:
		var ctx context.Context
		ctx, u.cancel = context.WithCancelCause(context.Background())
		go func() {
			defer u.cancel(nil)
			run(ctx)
		}()
	}
	<-started
	return u
}

// do runs f in a unit and waits for it.
func (w *world) do(f func(ctx context.Context)) { <-w.start(f).done }

// wait waits for all units and fails the test if a check has failed.
func (w *world) wait() {
	w.t.Helper()
	w.wg.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	require.Empty(w.t, w.errs)
}

func (w *world) errorf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errs = append(w.errs, fmt.Sprintf(format, args...))
}

// check is require for units, which must not call FailNow.
func (w *world) check(ok bool, format string, args ...any) {
	if !ok {
		w.errorf(format, args...)
	}
}

// A lockerContext is a lock of this package.
type lockerContext interface {
	sync.Locker
	LockContext(ctx context.Context) error
}

// length returns the number of waiters in q.
func length[T any](mu sync.Locker, q *queue[T]) int {
	mu.Lock()
	defer mu.Unlock()
	n := 0
	for x := q.First; x != nil; x = x.Next() {
		n++
	}
	return n
}

// untilWaiting waits until n waiters stand in q.
func untilWaiting[T any](mu sync.Locker, q *queue[T], n int) {
	testkit.Spin(func() bool { return length(mu, q) == n })
}

// scale reduces n where the tests run slowly.
func scale(n int) int { return testkit.Scale{Race: 5, Short: 5, Emulated: 2, Least: 10}.Of(n) }

func requirePanics(t *testing.T, text string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		require.Contains(t, fmt.Sprint(recover()), text)
	}()
	f()
}

// selectAt is Select, but returns the index of the chosen case, or -1.
func selectAt(ctx context.Context, cases ...Case) (int, error) {
	chosen, err := Select(ctx, cases...)
	return indexOf(cases, chosen), err
}

// trySelectAt is TrySelect, but returns the index of the chosen case, or -1.
func trySelectAt(cases ...Case) (int, bool) {
	chosen, ok := TrySelect(cases...)
	return indexOf(cases, chosen), ok
}

func indexOf(cases []Case, chosen Case) int {
	if chosen == nil {
		return -1
	}
	return slices.Index(cases, chosen)
}

// yield lets others run, whether the caller is a task or a goroutine.
func yield(ctx context.Context) {
	if c, ok := task.From(ctx); ok {
		c.Yield()
		return
	}
	runtime.Gosched()
}
