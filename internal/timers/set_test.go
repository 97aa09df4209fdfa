package timers

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
)

// A looseSet is a Set that belongs to no scheduler. here is what its workers' Arm goes to.
type looseSet struct {
	Set
	now    int64
	here   *Queue
	kicked []int64
}

func newLooseSet(workers int) *looseSet {
	s := &looseSet{now: 1}
	s.Init(func() int64 { return s.now }, func(when int64) { s.kicked = append(s.kicked, when) },
		func() *Queue { return s.here })
	for range workers {
		s.NewQueue()
	}
	return s
}

func (s *looseSet) queue(i int) *Queue { return (*s.queues.Load())[i] }

func TestSetArmsWhereTheCallerRuns(t *testing.T) {
	s := newLooseSet(2)
	a, b, c := &counter{}, &counter{}, &counter{}
	for i, x := range []*counter{a, b, c} {
		x.Do = x
		if i > 0 {
			s.here = s.queue(i)
		}
		s.Arm(&x.Timer, int64(30-10*i))
		require.Equal(t, int64(30-10*i), s.queue(i).First())
	}
	require.Same(t, s.Common(), s.queue(0))
	require.Equal(t, []int64{30, 20, 10}, s.kicked)
	require.EqualValues(t, 10, s.First())
	require.False(t, s.Due(9))
	require.True(t, s.Due(10))
	require.Equal(t, 3, s.Len())
	require.Equal(t, 3, s.Size())
	require.Equal(t, 2, s.Expire(29, new(Batch), nil))
	require.EqualValues(t, 30, s.First())
	require.Equal(t, 1, s.Len())
	s.Close()
	require.Zero(t, s.First())
	require.Zero(t, s.Len())
	for i := range 3 {
		s.here = s.queue(i)
		s.Arm(&rt.Timer{Do: a}, 5)
	}
	require.Zero(t, s.Len(), "armed after Close")
}

// The queue in which a timer lies counts and drops it, wherever the caller runs that disarms it.
func TestSetDisarmsInTheTimersQueue(t *testing.T) {
	s := newLooseSet(2)
	ts := make([]counter, 4*minSpent)
	for i := range ts {
		ts[i].Do = &ts[i]
		s.here = s.queue(1 + i%2)
		s.Arm(&ts[i].Timer, int64(10+i))
	}
	s.here = s.queue(2)
	for i := range ts {
		if i%2 == 0 {
			require.True(t, s.Disarm(&ts[i].Timer))
			require.False(t, s.Disarm(&ts[i].Timer))
		}
	}
	require.Less(t, s.queue(1).Size(), minSpent, "the queue was not swept")
	require.Zero(t, s.queue(2).spent.Load())
	require.Equal(t, len(ts)/2, s.queue(2).Len())
	require.Equal(t, len(ts)/2, s.Len())
	s.Trim()
	require.Zero(t, s.queue(1).Size())
	require.Equal(t, len(ts)/2, s.Expire(1<<40, new(Batch), nil))
}

// ExpireAny finds the queue that has due timers, and leaves the others alone.
func TestSetExpiresAny(t *testing.T) {
	s := newLooseSet(3)
	late, later := &counter{}, &counter{}
	late.Do, later.Do = late, later
	s.queue(2).Arm(&late.Timer, 10)
	s.queue(3).Arm(&later.Timer, 20)
	s.ExpireAny(9, new(Batch), nil)
	require.Zero(t, late.rung.Load())
	s.ExpireAny(20, new(Batch), nil)
	require.EqualValues(t, 1, late.rung.Load())
	require.Zero(t, later.rung.Load())
	s.ExpireAny(20, new(Batch), nil)
	require.EqualValues(t, 1, later.rung.Load())
}

// Turns come to every queue, also if the number of queues changes.
func TestSetTurns(t *testing.T) {
	s := newLooseSet(0)
	turn := uint32(7)
	for queues := 1; queues < 3*perTurn; queues++ {
		seen := map[*Queue]bool{}
		for range 2 + queues/perTurn {
			qs := s.Turn(turn)
			require.NotEmpty(t, qs)
			require.LessOrEqual(t, len(qs), perTurn)
			turn += uint32(len(qs))
			for _, q := range qs {
				seen[q] = true
			}
		}
		require.Len(t, seen, queues)
		s.NewQueue()
	}
}

// Tasks arm and disarm timers on all queues while others fire them. Each arming has one end.
func TestSetStress(t *testing.T) {
	const queues = 3
	s := new(Set)
	var now atomic.Int64
	now.Store(1)
	s.Init(now.Load, func(int64) {}, func() *Queue { return nil })
	qs := []*Queue{s.Common()}
	for range queues {
		qs = append(qs, s.NewQueue())
	}
	rounds := 20_000
	if testing.Short() {
		rounds = 2000
	}
	var wg, expirers sync.WaitGroup
	var stop atomic.Bool
	for i := range 2 {
		expirers.Go(func() {
			for turn := uint32(i); !stop.Load(); runtime.Gosched() {
				at := now.Add(1)
				if i == 0 {
					s.Expire(at, new(Batch), nil)
					s.Trim()
					continue
				}
				for _, q := range s.Turn(turn) {
					q.ExpireSome(at, new(Batch), nil)
					turn++
				}
				s.ExpireAny(at, new(Batch), nil)
			}
		})
	}
	var armed, undone, rung atomic.Int64
	do := fired(func(int64) { rung.Add(1) })
	for g := range 4 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 11))
			for range rounds {
				x := &rt.Timer{Do: do}
				armed.Add(1)
				qs[rng.IntN(len(qs))].Arm(x, now.Load()+rng.Int64N(20))
				if rng.IntN(2) == 0 && s.Disarm(x) {
					undone.Add(1)
				}
			}
		})
	}
	wg.Wait()
	stop.Store(true)
	expirers.Wait()
	s.Expire(1<<62, new(Batch), nil)
	require.Equal(t, armed.Load(), undone.Load()+rung.Load())
	s.Trim()
	require.Zero(t, s.Size())
	require.Zero(t, s.Len())
	require.Zero(t, s.First())
}
