package parallel_test

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// A workClock is a clock that only the work of tests advances. Each task has a time of its own, so
// a step takes exactly its work, whatever the other workers do meanwhile.
type workClock struct {
	mu sync.Mutex
	at map[*task.Ctx]int64
}

func newWorkClock(t testing.TB) *workClock {
	w := &workClock{at: map[*task.Ctx]int64{}}
	parallel.ReplaceClock(t, w.now)
	return w
}

func (w *workClock) now(c *task.Ctx) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at[c]
}

// work makes the calling task work for d.
func (w *workClock) work(d time.Duration) {
	c, ok := task.Current()
	if !ok {
		panic("no task works")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at[c] += int64(d)
}

// steps runs a loop over n elements, whose steps over [lo, hi) take the time that cost returns. It
// returns how many steps there were of each length, and how many times the loop was split.
func steps(t *testing.T, s *scheduler.Scheduler, n int, cost func(lo, hi int) time.Duration) (lengths map[int]int, splits int) {
	w := newWorkClock(t)
	lengths = map[int]int{}
	var mu sync.Mutex
	xs := make([]int, n)
	for i := range xs {
		xs[i] = i
	}
	within(t, s, func(c *task.Ctx) error {
		sum, err := parallel.Fold(c, xs, 0, func(acc int, xs []int) int {
			w.work(cost(xs[0], xs[0]+len(xs)))
			mu.Lock()
			defer mu.Unlock()
			lengths[len(xs)]++
			return acc + len(xs)
		}, func(a, b int) int {
			mu.Lock()
			defer mu.Unlock()
			splits++
			return a + b
		})
		if err == nil && sum != n {
			err = fmt.Errorf("%d of %d elements", sum, n)
		}
		return err
	})
	return lengths, splits
}

func sum(lengths map[int]int) (n int) {
	for _, k := range lengths {
		n += k
	}
	return n
}

// If calls take long and elements do not, there are few calls, whatever a call takes. Each span has
// its first probe after ProbeAfter steps, and then its grain doubles.
func TestFewCallsOfAFixedCost(t *testing.T) {
	const n = 1 << 20
	for _, workers := range []int{1, 2} {
		for _, call := range []time.Duration{0, 9_000, 12_000, 100_000, parallel.MaxStep / 2} {
			lengths, splits := steps(t, open(t, workers), n, func(int, int) time.Duration { return call })
			require.LessOrEqual(t, sum(lengths), (splits+1)*(parallel.ProbeAfter+2+bits.Len(n)), "%v a call, %d splits", call, splits)
		}
	}
}

// Slow elements are handled one by one, except for a probe of two now and then.
func TestSlowElementsStayApart(t *testing.T) {
	for _, workers := range []int{1, 2} {
		for _, call := range []time.Duration{0, 12_000} {
			for _, element := range []time.Duration{100_000, 200_000, time.Millisecond, 100 * time.Millisecond} {
				lengths, splits := steps(t, open(t, workers), 5000, func(lo, hi int) time.Duration { return call + time.Duration(hi-lo)*element })
				what := fmt.Sprintf("%v a call, %v an element: %v, %d splits", call, element, lengths, splits)
				twos := lengths[2]
				require.Equal(t, sum(lengths), lengths[1]+twos, what)
				if element > parallel.MaxStep/2 {
					require.Zero(t, twos, what)
				} else {
					require.NotZero(t, twos, what)
				}
				require.LessOrEqual(t, twos, lengths[1]/parallel.ProbeAfter+splits, what)
			}
		}
	}
}

// The time that it takes to show the progress does not make the steps shorter.
func TestShowIsNotMeasured(t *testing.T) {
	const n = 1 << 14
	for _, show := range []time.Duration{100_000, 5 * parallel.MaxStep} {
		w := newWorkClock(t)
		calls, shown := 0, 0
		within(t, open(t, 1), func(c *task.Ctx) error {
			return parallel.ForRange(c, 0, n, func(_ *task.Ctx, lo, hi int) {
				calls++
				w.work(time.Duration(hi-lo) * time.Microsecond)
			}, parallel.WithProgress(0, func(int, int) {
				shown++
				w.work(show)
			}))
		})
		require.LessOrEqual(t, shown, calls)
		require.Greater(t, shown, calls/2)
		require.LessOrEqual(t, calls, n/8, "a step takes 20 us")
	}
}

// The time for which a task gives way to others does not make its steps shorter. Here steps take no
// time, so in a stretch each one is twice as long as the one before, except for the last.
func TestTimeOfOthersIsNotMeasured(t *testing.T) {
	var now atomic.Int64
	parallel.ReplaceClock(t, func(*task.Ctx) int64 { return now.Load() })
	s := open(t, 1, scheduler.WithQuantum(scheduler.MinQuantum))
	within(t, s, func(c *task.Ctx) error {
		var stop atomic.Bool
		for range 4 {
			other := c.Go(func(c *task.Ctx) {
				for !stop.Load() {
					now.Add(100 * parallel.MaxStep)
					c.Yield()
				}
			})
			defer other.Wait()
		}
		defer stop.Store(true)
		type stretch struct {
			length int
			over   bool
		}
		begin, wrong := now.Load(), 0
		_, err := parallel.Fold(c, make([]struct{}, 1024), stretch{}, func(s stretch, xs []struct{}) stretch {
			c, _ := task.Current()
			for !(*rt.Life)(c).Task().Disturbed() { // so the task gives way after the step
			}
			if s.over {
				wrong++
			}
			return stretch{len(xs), s.length != 0 && len(xs) != 2*s.length}
		}, func(stretch, stretch) stretch { return stretch{} })
		switch {
		case err != nil:
			return err
		case now.Load() == begin:
			return errors.New("the test sees nothing, because the other tasks had no turn")
		case wrong != 0:
			return fmt.Errorf("%d steps were too short", wrong)
		}
		return nil
	})
}

// A model is what a step costs.
type model struct{ call, element time.Duration }

func (m model) of(n int) time.Duration { return m.call + time.Duration(n)*m.element }

// In a sequence of models, only the first step after a change may take longer than MaxStep, unless
// one element does. Some steps after a change, the grain is as the comment of pace says.
func TestPace(t *testing.T) {
	const us = time.Microsecond
	calls := []time.Duration{0, us, 5 * us, 9 * us, 12 * us, 15 * us, 40 * us, 100 * us, 300 * us, 490 * us}
	elements := []time.Duration{1, 30, us, 9 * us, 12 * us, 30 * us, 100 * us, 450 * us, 1000 * us, 100_000 * us}
	rng := rand.New(rand.NewPCG(1, 2))
	p := parallel.NewPace()
	for range 2000 {
		m := model{calls[rng.IntN(len(calls))], elements[rng.IntN(len(elements))]}
		one := m.of(1)
		step := func() (n int, took time.Duration) {
			n = p.Next(math.MaxUint)
			took = m.of(n)
			p.Adapt(n, took)
			return n, took
		}
		step()
		const settle, watch = 64 * (parallel.ProbeAfter + 1), 20 * (parallel.ProbeAfter + 1)
		for range settle {
			if n, took := step(); took > max(one, parallel.MaxStep) {
				t.Fatalf("%+v: a step of %d elements takes %v", m, n, took)
			}
		}
		var work, all time.Duration
		long, most := 0, max(40*us, 3*m.call)
		for range watch {
			n, took := step()
			work += time.Duration(n) * m.element
			all += took
			if n > 1 && took > most {
				long++
			}
		}
		// A step of half the grain may come before each probe.
		if float64(work) < 0.45*float64(all) && all/watch < parallel.MaxStep*45/100 {
			t.Fatalf("%+v: with a grain of %d, the elements take %v of %v", m, p.Grain(), work, all)
		}
		if long > watch/(parallel.ProbeAfter+1)*2 {
			t.Fatalf("%+v: with a grain of %d, %d steps of %d take more than %v", m, p.Grain(), long, watch, most)
		}
	}
}

// Steps that end early, because the loop is disturbed, change nothing but too long a grain.
func TestPaceOfStepsThatEndEarly(t *testing.T) {
	p := parallel.NewPace()
	for p.Grain() < 1024 {
		p.Adapt(p.Next(math.MaxUint), 1)
	}
	for range 100 {
		p.Adapt(p.Grain()/2, 1)
		p.Adapt(p.Grain()/2, 15_000)
	}
	require.Equal(t, 1024, p.Grain())
	require.Equal(t, 1024, p.Next(math.MaxUint))
	p.Adapt(100, 200_000)
	require.Equal(t, 10, p.Grain())
	p.Adapt(10, 15_000)
	require.Equal(t, 3, p.Next(3))
}

// The grain stays an int.
func TestPaceOfNothing(t *testing.T) {
	for _, took := range []time.Duration{0, 12_000} {
		p := parallel.NewPace()
		for range 200 {
			n := p.Next(math.MaxUint)
			require.Positive(t, n)
			p.Adapt(n, took)
		}
		require.Greater(t, p.Grain(), math.MaxInt/2)
	}
}
