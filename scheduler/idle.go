package scheduler

import "github.com/heddle-go/heddle/internal/atomicx"

// An idleSet knows which workers search for work and which sleep. With the
// queues it makes the sleep/wake protocol; the argument why no work is left
// behind stands in ARCHITECTURE.md, "Sleeping and waking", whose step names (P1, W3)
// are used here.
type idleSet struct {
	// state is searching<<32 | inside<<16 | sleeping. sleeping changes only under mu, and so
	// is exact there; searching and inside change at any time.
	state atomicx.Uint64
	n     atomicx.Int64 // how many workers there are; written under mu, and so exact there
	mu    atomicx.Mutex
	ids   []int // who sleeps, the latest last
}

const (
	oneSearching = 1 << 32
	oneInside    = 1 << 16
	oneSleeping  = 1
	insideMask   = oneSearching - oneInside
	sleepingMask = oneInside - 1
)

func (s *idleSet) sleeping() int { return int(s.state.Load() & sleepingMask) }

// inside returns how many workers are inside a call: see spot.
func (s *idleSet) inside() int { return int(s.state.Load() & insideMask / oneInside) }

// goInside announces that a worker begins a call. It has to look at the queues again then, as after sleep.
func (s *idleSet) goInside() { s.state.Add(oneInside) }

// goOutside takes goInside back: the call is over, or the worker has been taken over.
func (s *idleSet) goOutside() { s.state.Add(^uint64(oneInside - 1)) }

// awake returns how many workers do not sleep.
func (s *idleSet) awake() int { return int(s.n.Load()) - s.sleeping() }

// trySearch registers a searcher, unless half of the workers that are awake
// search already.
func (s *idleSet) trySearch() bool {
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

// stopSearch takes back trySearch or a claim after the searcher has found
// something. It reports whether it was the last one, and so has to look whether
// there is more (W5).
func (s *idleSet) stopSearch() (last bool) {
	return s.state.Add(^uint64(oneSearching-1))>>32 == 0
}

// sleep announces that worker id sleeps (W2). searching says whether it
// was registered as a searcher, which it then no longer is. The caller has to look at
// all queues again before it does sleep.
func (s *idleSet) sleep(id int, searching bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids = append(s.ids, id)
	d := uint64(oneSleeping)
	if searching {
		d -= oneSearching
	}
	s.state.Add(d)
}

// unsleep takes back sleep and makes the worker a searcher. It reports false if
// a waker has claimed the worker, whose wake-up is then on its way.
func (s *idleSet) unsleep(id int) bool {
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

// needsWake reports whether a worker sleeps, or is inside a call, while none searches (P2).
func (s *idleSet) needsWake() bool {
	v := s.state.Load()
	return v < oneSearching && v != 0
}

// claim takes a sleeper, the one that went to sleep last, and makes it a
// searcher, if needsWake and there is one. The caller has to wake it (P3).
func (s *idleSet) claim() (id int, ok bool) {
	if !s.needsWake() {
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

// claimAll takes all sleepers and makes searchers of them.
func (s *idleSet) claimAll() (ids []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids = append(ids, s.ids...)
	s.ids = s.ids[:0]
	s.state.Add(uint64(len(ids)) * (oneSearching - oneSleeping))
	return ids
}

// claimThis is claim for worker id, whoever searches. It reports false if that does not sleep.
func (s *idleSet) claimThis(id int) bool { return s.unsleep(id) }

// join counts one worker more.
func (s *idleSet) join() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n.Add(1)
}

// leave counts one worker less, if last says so. The worker neither searches nor sleeps.
func (s *idleSet) leave(last func() bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !last() {
		return false
	}
	s.n.Add(-1)
	return true
}

// asleep reports whether all workers sleep: for certain under mu, otherwise about now.
func (s *idleSet) asleep() bool { return int64(s.sleeping()) == s.n.Load() }

// ifAllAsleep calls f if all workers sleep, and keeps them asleep meanwhile.
func (s *idleSet) ifAllAsleep(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asleep() {
		f()
	}
}
