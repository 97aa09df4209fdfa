package idle

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newSet returns a set of n workers that are awake.
func newSet(n int) *Set {
	s := new(Set)
	for range n {
		s.Join()
	}
	return s
}

// Sleepers are claimed last-in-first-out, each once, and only while no worker searches.
func TestClaim(t *testing.T) {
	s := newSet(3)
	require.False(t, s.NeedsWake(), "all are awake")
	for id := range 3 {
		s.Sleep(id, false)
	}
	require.True(t, s.Asleep())
	require.Zero(t, s.Awake())
	for want := 2; want >= 0; want-- {
		require.True(t, s.NeedsWake())
		id, ok := s.Claim()
		require.True(t, ok)
		require.Equal(t, want, id)
		require.Equal(t, 1, s.Searching())
		require.False(t, s.NeedsWake(), "the claimed worker searches")
		_, ok = s.Claim()
		require.False(t, ok)
		require.True(t, s.StopSearch(), "it is the last searcher")
	}
	_, ok := s.Claim()
	require.False(t, ok, "no worker sleeps")
}

// A worker inside a call needs a wake-up, but cannot be claimed.
func TestInside(t *testing.T) {
	s := newSet(1)
	s.GoInside()
	require.Equal(t, 1, s.Inside())
	require.Zero(t, s.Sleeping())
	require.True(t, s.NeedsWake())
	_, ok := s.Claim()
	require.False(t, ok)
	s.GoOutside()
	require.False(t, s.NeedsWake())
}

// At most half of the workers that are awake search, rounded up.
func TestTrySearch(t *testing.T) {
	for n, want := range map[int]int{1: 1, 2: 1, 3: 2, 4: 2, 8: 4} {
		s := newSet(n)
		got := 0
		for s.TrySearch() {
			got++
		}
		require.Equal(t, want, got, "of %d workers", n)
		for ; got > 0; got-- {
			require.Equal(t, got == 1, s.StopSearch())
		}
	}
}

// Sleep takes back a registration as a searcher, and ClaimThis renews it.
func TestClaimThis(t *testing.T) {
	s := newSet(2)
	require.True(t, s.TrySearch())
	s.Sleep(1, true)
	require.Zero(t, s.Searching())
	require.False(t, s.ClaimThis(0), "it is awake")
	require.True(t, s.ClaimThis(1))
	require.False(t, s.ClaimThis(1), "it is claimed")
	require.Equal(t, 1, s.Searching())
	require.Zero(t, s.Sleeping())
	s.StopSearch()
	s.Sleep(0, false)
	s.Sleep(1, false)
	require.Equal(t, []int{0, 1}, s.ClaimAll())
	require.Equal(t, 2, s.Searching())
	require.Empty(t, s.ClaimAll())
}

// Leave asks last under the mutex, and the workers that are left decide whether all sleep.
func TestLeave(t *testing.T) {
	s := newSet(2)
	s.Sleep(0, false)
	require.False(t, s.Leave(func() bool { return false }))
	require.False(t, s.Asleep())
	require.True(t, s.Leave(func() bool { return true }))
	require.True(t, s.Asleep())
	asked := false
	s.IfAllAsleep(func() { asked = true })
	require.True(t, asked)
	s.Join()
	s.IfAllAsleep(func() { t.Error("one is awake") })
}

// Workers sleep and search at random, and wakers claim them. Each sleep is ended by exactly one
// claim.
func TestSetStress(t *testing.T) {
	const workers, wakers = 4, 2
	rounds := 1000
	if testing.Short() {
		rounds = 100
	}
	s := newSet(workers)
	var parkers [workers]Parker
	for i := range parkers {
		parkers[i].Init(i%2 == 0)
	}
	var claims [workers]atomic.Int64
	var over atomic.Bool
	var wg, others sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			for r := range int64(rounds) {
				s.Sleep(i, s.TrySearch())
				if r%3 != 0 || !s.ClaimThis(i) {
					parkers[i].Park()
					if n := claims[i].Add(-1); n != 0 {
						t.Errorf("worker %d was claimed %d times for one sleep", i, n+1)
					}
				}
				s.StopSearch()
			}
		})
	}
	for range wakers {
		others.Go(func() {
			for !over.Load() {
				if id, ok := s.Claim(); ok {
					claims[id].Add(1)
					parkers[id].Unpark()
				} else {
					runtime.Gosched()
				}
			}
		})
	}
	wg.Wait()
	over.Store(true)
	others.Wait()
	require.Zero(t, s.Searching())
	require.Zero(t, s.Sleeping())
}
