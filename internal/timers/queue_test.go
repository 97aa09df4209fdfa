package timers

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heddle-go/heddle/internal/histogram"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/selfexec"
	"github.com/heddle-go/heddle/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// loose returns a timer queue that belongs to no scheduler.
func loose() *Queue {
	q := new(Queue)
	q.Init(func() int64 { return 1 }, func(int64) {})
	return q
}

type counter struct {
	rt.Timer
	armed, undone int
	rung          atomic.Int64
	at            atomic.Int64
}

func (c *counter) Fire(now int64) { c.rung.Add(1); c.at.Store(now) }

// again is a timer that arms itself once more when it fires.
type again struct {
	rt.Timer
	q    *Queue
	left int
}

func (a *again) Fire(now int64) {
	if a.left--; a.left > 0 {
		a.q.Arm(&a.Timer, now+100)
	}
}

// Each timer that fires is counted with the time for which it was due by then, and one that was
// disarmed is not.
func TestLateness(t *testing.T) {
	q := loose()
	var late histogram.Histogram
	batch := &Batch{Late: &late}
	first, second, undone := &again{q: q, left: 2}, &counter{}, &counter{}
	first.Do, second.Do, undone.Do = first, second, undone
	q.Arm(&first.Timer, 10)
	q.Arm(&second.Timer, 20)
	q.Arm(&undone.Timer, 5)
	require.True(t, q.Disarm(&undone.Timer))
	q.Expire(25, batch, nil)
	lateness := func() (s histogram.Snapshot) {
		s.Add(&late)
		return s
	}
	require.EqualValues(t, 2, lateness().Count())
	require.EqualValues(t, 15+5, lateness().Sum())
	q.Expire(132, batch, nil)
	require.EqualValues(t, 3, lateness().Count())
	require.EqualValues(t, 15+5+7, lateness().Sum())
	require.EqualValues(t, 15, lateness().Max())
}

// The queue beside a slow and obvious one: every timer fires at the first look at which it is due,
// in the order of times, and none that was disarmed.
func TestTimersReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	rounds := 200
	if testkit.Race {
		rounds = 70
	}
	for range rounds {
		q := loose()
		pending := map[*counter]bool{}
		now := int64(1)
		for range 1 + rng.IntN(500) {
			switch rng.IntN(4) {
			case 0, 1:
				c := &counter{}
				c.Do = c
				q.Arm(&c.Timer, now+int64(rng.IntN(50)))
				pending[c] = true
			case 2:
				for c := range pending {
					require.True(t, q.Disarm(&c.Timer))
					require.False(t, q.Disarm(&c.Timer))
					delete(pending, c)
					break
				}
			case 3:
				now += int64(rng.IntN(20))
				q.Expire(now, new(Batch), nil)
				for c := range pending {
					if c.When <= now {
						require.EqualValues(t, 1, c.rung.Load())
						require.Equal(t, now, c.at.Load())
						require.False(t, q.Disarm(&c.Timer))
						delete(pending, c)
					} else {
						require.Zero(t, c.rung.Load())
					}
				}
			}
			first := int64(0)
			for c := range pending {
				if first == 0 || c.When < first {
					first = c.When
				}
			}
			if f := q.First(); first != 0 {
				require.NotZero(t, f)
				require.LessOrEqual(t, f, first) // earlier, if that one was disarmed
			}
			if rng.IntN(8) == 0 { // not always, because it empties the stack
				require.Equal(t, len(pending), q.Len())
				require.GreaterOrEqual(t, q.Size(), len(pending))
			}
		}
	}
}

// The heap hands out what is due in the order of times.
func TestTimersOrder(t *testing.T) {
	q := loose()
	var got []int64
	for _, i := range rand.New(rand.NewPCG(5, 6)).Perm(10_000) {
		x := &rt.Timer{}
		x.Do = fired(func(int64) { got = append(got, x.When) })
		q.Arm(x, int64(i+1))
	}
	require.Equal(t, 10_000, q.Expire(10_000, new(Batch), nil))
	require.Len(t, got, 10_000)
	require.IsIncreasing(t, got)
	require.Zero(t, q.First())
}

type fired func(now int64)

func (f fired) Fire(now int64) { f(now) }

// Timers are armed, disarmed and expired by many at once, also from within one that fires. Each
// arming comes to one end.
func TestTimersStress(t *testing.T) {
	q := loose()
	var now atomic.Int64
	now.Store(1)
	var wg, expirers sync.WaitGroup
	var stop atomic.Bool
	for range 2 {
		expirers.Go(func() {
			for !stop.Load() {
				q.Expire(now.Add(1), new(Batch), nil)
				q.Trim()
				runtime.Gosched()
			}
		})
	}
	rounds := 20_000
	if testing.Short() {
		rounds = 2000
	}
	var mu sync.Mutex
	var all []*counter
	for g := range 4 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 9))
			var mine []*counter
			for range 16 {
				c := &counter{}
				c.Do = c
				mine = append(mine, c)
			}
			for range rounds {
				c := mine[rng.IntN(len(mine))]
				switch {
				case c.armed == c.undone+int(c.rung.Load()):
					if c.Spent() {
						n := &counter{}
						n.Do = n
						mu.Lock()
						all = append(all, c)
						mu.Unlock()
						for i := range mine {
							if mine[i] == c {
								mine[i] = n
							}
						}
						c = n
					}
					c.armed++
					q.Arm(&c.Timer, now.Load()+int64(rng.IntN(30)))
				case rng.IntN(2) == 0:
					if q.Disarm(&c.Timer) {
						c.undone++
					}
				}
			}
			mu.Lock()
			all = append(all, mine...)
			mu.Unlock()
		})
	}
	wg.Wait()
	stop.Store(true)
	expirers.Wait()
	q.Expire(1<<62, new(Batch), nil)
	for _, c := range all {
		require.Equal(t, c.armed, c.undone+int(c.rung.Load()))
	}
	q.Trim()
	require.Empty(t, q.heap)
	require.Zero(t, q.spent.Load())
}

// A million timers are armed, and most of them disarmed again, without the queue keeping those.
func TestMillionTimers(t *testing.T) {
	n := 1_000_000
	if testkit.Race || selfexec.Emulated() {
		n = 300_000 // whose queue still needs more than keepHeap
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	q := loose()
	ts := make([]rt.Timer, n)
	ring := 0
	do := fired(func(int64) { ring++ })
	rng := rand.New(rand.NewPCG(7, 8))
	for i := range ts {
		ts[i].Do = do
		q.Arm(&ts[i], 1+rng.Int64N(1<<40))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	// 72 bytes for the timer, 16 for its place in the heap, and what append reserves.
	require.Less(t, (after.HeapAlloc-before.HeapAlloc)/uint64(n), uint64(100), "bytes a timer")
	for i := range ts {
		if i%10 != 0 {
			require.True(t, q.Disarm(&ts[i]))
		}
	}
	q.mu.Lock()
	queued := len(q.heap)
	q.mu.Unlock()
	require.LessOrEqual(t, queued, n/5+minSpent, "disarmed timers are kept")
	require.Equal(t, n/10, q.Expire(1<<41, new(Batch), nil))
	require.Equal(t, n/10, ring)
	require.Zero(t, q.First())
	require.Nil(t, q.heap, "the memory of the heap")
}

// After Close no timer is armed, and none that is armed then fires. A goroutine may still count
// disarmed timers out that it took from the heap before.
func TestClose(t *testing.T) {
	q := loose()
	ts := make([]counter, 200)
	for i := range ts {
		ts[i].Do = &ts[i]
	}
	for i := range ts[:100] {
		q.Arm(&ts[i].Timer, int64(1+i))
	}
	for i := range ts[:20] {
		require.True(t, q.Disarm(&ts[i].Timer))
	}
	require.Equal(t, 80, q.Len())
	q.mu.Lock()
	q.drain()
	taken := q.pop() // as fire does
	q.mu.Unlock()
	q.Close()
	require.False(t, taken.Claim(), "it is the first of those that were disarmed")
	q.spent.Add(-1)
	require.Zero(t, q.Len())
	for i := range ts[100:] {
		q.Arm(&ts[100+i].Timer, 5)
	}
	require.Zero(t, q.Len())
	require.Zero(t, q.Size())
	require.Zero(t, q.First())
	require.Zero(t, q.Expire(10, new(Batch), nil))
	for i := range ts {
		require.Zero(t, ts[i].rung.Load())
	}
}
