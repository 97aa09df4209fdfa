package idle

import "github.com/heddle-go/heddle/internal/atomicx"

// A Set counts the workers of one scheduler that search, that are inside a blocking call, and that
// sleep. Its methods are steps of the protocol in the package comment. Any goroutine may call them,
// also a worker, because no method holds the mutex for long.
//
// The zero Set has no workers.
type Set struct {
	// state is searching<<32 | inside<<16 | sleeping. sleeping changes only under mu, and so is
	// exact there; searching and inside change at any time.
	state atomicx.Uint64
	n     atomicx.Int64 // the number of workers; changes only under mu, and so is exact there
	mu    atomicx.Mutex
	ids   []int // the workers that sleep; the one that went to sleep last is the last
}

const (
	oneSearching = 1 << 32
	oneInside    = 1 << 16
	oneSleeping  = 1
	insideMask   = oneSearching - oneInside
	sleepingMask = oneInside - 1
)

// Workers returns how many workers there are.
func (s *Set) Workers() int { return int(s.n.Load()) }

// Sleeping returns how many workers sleep.
func (s *Set) Sleeping() int { return int(s.state.Load() & sleepingMask) }

// Searching returns how many workers are registered as searchers.
func (s *Set) Searching() int { return int(s.state.Load() >> 32) }

// Inside returns how many workers are inside a blocking call.
func (s *Set) Inside() int { return int(s.state.Load() & insideMask / oneInside) }

// GoInside announces that a worker begins a blocking call. Afterwards the worker has to look at the
// queues again, as after Sleep.
func (s *Set) GoInside() { s.state.Add(oneInside) }

// GoOutside takes GoInside back, because the call is over or a relief has taken the worker over.
func (s *Set) GoOutside() { s.state.Add(^uint64(oneInside - 1)) }

// Awake returns how many workers do not sleep.
func (s *Set) Awake() int { return int(s.n.Load()) - s.Sleeping() }

// TrySearch registers the calling worker as a searcher, unless half of the workers that are awake
// search already. It reports whether it did.
func (s *Set) TrySearch() bool {
	for {
		v := s.state.Load()
		searching, awake := int64(v>>32), s.n.Load()-int64(v&sleepingMask)
		if searching > 0 && 2*searching >= awake {
			return false
		}
		if s.state.CompareAndSwap(v, v+oneSearching) {
			return true
		}
	}
}

// StopSearch takes back TrySearch, or a claim, after the searcher has found a task. It reports
// whether the caller was the last searcher; if so, the caller has to look for more tasks
// (Sleep-W5).
func (s *Set) StopSearch() (last bool) {
	return s.state.Add(^uint64(oneSearching-1))>>32 == 0
}

// Sleep announces that worker id sleeps (Sleep-W2). searching says whether the worker is registered
// as a searcher; Sleep takes that back. The caller has to look at all queues again before it parks
// (Sleep-W3).
func (s *Set) Sleep(id int, searching bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids = append(s.ids, id)
	d := uint64(oneSleeping)
	if searching {
		d -= oneSearching
	}
	s.state.Add(d)
}

// NeedsWake reports whether no worker searches, and some worker sleeps or is inside a call
// (Sleep-P2).
func (s *Set) NeedsWake() bool {
	v := s.state.Load()
	return v < oneSearching && v != 0
}

// If no worker searches and a worker sleeps, Claim makes a searcher of the worker that went to
// sleep last and returns its id. The caller has to wake that worker (Sleep-P3).
func (s *Set) Claim() (id int, ok bool) {
	if !s.NeedsWake() {
		return 0, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		v := s.state.Load()
		if v >= oneSearching || v&sleepingMask == 0 {
			return 0, false
		}
		if s.state.CompareAndSwap(v, v+oneSearching-oneSleeping) {
			id = s.ids[len(s.ids)-1]
			s.ids = s.ids[:len(s.ids)-1]
			return id, true
		}
	}
}

// ClaimThis makes a searcher of worker id if that worker sleeps, and reports whether it does. A
// worker calls it for itself to take back Sleep (Sleep-W3). If it returns false then, a waker has
// claimed the worker, and the wake-up is on its way. If it returns true to any other caller, the
// caller has to wake the worker.
func (s *Set) ClaimThis(id int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.ids) - 1; i >= 0; i-- {
		if s.ids[i] == id {
			s.ids = append(s.ids[:i], s.ids[i+1:]...)
			s.state.Add(oneSearching - oneSleeping)
			return true
		}
	}
	return false
}

// ClaimAll makes searchers of all workers that sleep and returns their ids. The caller has to wake
// these workers.
func (s *Set) ClaimAll() (ids []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids = append(ids, s.ids...)
	s.ids = s.ids[:0]
	s.state.Add(uint64(len(ids)) * (oneSearching - oneSleeping))
	return ids
}

// Join adds a worker, which is awake.
func (s *Set) Join() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n.Add(1)
}

// Leave calls last under the mutex. If last returns true, Leave removes the calling worker, which
// must neither search nor sleep. It returns the result of last.
func (s *Set) Leave(last func() bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !last() {
		return false
	}
	s.n.Add(-1)
	return true
}

// Asleep reports whether all workers sleep. Without the mutex the answer may be out of date.
func (s *Set) Asleep() bool { return int64(s.Sleeping()) == s.n.Load() }

// IfAllAsleep calls f if all workers sleep, and keeps them asleep meanwhile.
func (s *Set) IfAllAsleep(f func()) {
	s.Locked(func() {
		if s.Asleep() {
			f()
		}
	})
}

// Locked calls f under the mutex, so that f comes before or after any IfAllAsleep.
func (s *Set) Locked(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}
