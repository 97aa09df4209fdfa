package engine

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/deque"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
)

// These tests call single steps of the protocols, on a worker that has no goroutine: nothing else
// moves, so one missing step shows at once and in every run.

// A stage is a scheduler whose only worker sleeps, and what the tests put beside it.
type stage struct {
	*Scheduler
	t testing.TB
}

func newStage(t testing.TB) *stage {
	t.Helper()
	s := start(withWorkers(1))
	t.Cleanup(func() {
		s.Close()
		st := s.stats()
		require.Equal(t, st.Spawned, st.Finished)
		require.Zero(t, s.shared.ReadyGoroutines.Load())
		require.Zero(t, s.live.Load())
	})
	g := &stage{s, t}
	g.awaitSleep()
	return g
}

// awaitSleep waits until the worker sleeps.
func (g *stage) awaitSleep() {
	for begin := time.Now(); !g.idle.Asleep(); runtime.Gosched() {
		require.Less(g.t, time.Since(begin), testkit.Patience, "the worker does not go to sleep")
	}
}

// tasks returns n tasks that were accepted and are in no queue.
func (g *stage) tasks(n int) (ds []*rt.Task) {
	g.t.Helper()
	for range n {
		require.True(g.t, g.enter())
		d, _ := g.newTask(func(*task.Ctx) {}, nil)
		ds = append(ds, d)
	}
	return ds
}

// A thief that is not registered as a searcher has the rest of its batch in no queue for a moment,
// so it wakes a worker.
func TestBatchTheftWakes(t *testing.T) {
	g := newStage(t)
	thief, victim := g.newWorker(1), g.newWorker(2)
	for _, d := range g.tasks(4) {
		victim.runq.Push(d)
	}
	before := g.wakes.Load()
	d := thief.stealFrom(victim)
	after := g.wakes.Load()
	for ; d != nil; d = thief.runq.Pop() {
		g.inject(d)
	}
	for d := victim.runq.Pop(); d != nil; d = victim.runq.Pop() {
		g.inject(d)
	}
	require.Equal(t, before+1, after)
}

// A worker that is about to sleep sees a child in another one's next slot, and not a woken task.
func TestChildInTheNextSlotIsSeen(t *testing.T) {
	g := newStage(t)
	w := g.newWorker(1)
	ds := g.tasks(2)
	defer func() { // whatever comes out
		for _, d := range ds {
			g.inject(d)
		}
	}()
	require.False(t, w.shows())
	old, _ := w.next.put(ds[0], wokenTask)
	require.Nil(t, old)
	require.False(t, w.shows())
	old, was := w.next.put(ds[1], newChild)
	require.Same(t, ds[0], old)
	require.Equal(t, wokenTask, was)
	require.True(t, w.shows())
	require.Same(t, ds[1], w.next.take())
	require.False(t, w.shows())
	w.displace(ds[0], wokenTask)
	require.True(t, w.shows())
	require.Same(t, ds[0], w.runq.Pop())
	require.False(t, w.shows())
	w.displace(ds[1], newChild)
	require.True(t, w.shows())
	require.Same(t, ds[1], w.children.Pop())
	require.False(t, w.shows())
}

// spawn starts n tasks on w, in order.
func (g *stage) spawn(w *worker, n int) (ds []*rt.Task) {
	for range n {
		d, _ := w.Spawn(func(*task.Ctx) {}, nil)
		ds = append(ds, d)
	}
	w.flush()
	g.inj.Count(n) // Stats does not know w
	return ds
}

// end has the sleeping worker run ds, which are in no queue, and all that is in w's.
func (g *stage) end(w *worker, ds ...*rt.Task) {
	if d := w.takeNext(); d != nil {
		ds = append(ds, d)
	}
	for d := w.pop(); d != nil; d = w.pop() {
		ds = append(ds, d)
	}
	for _, d := range ds {
		if d != nil {
			g.inject(d)
		}
	}
}

// The stale entries that claims leave in a queue are dropped, although the oldest entry stays in
// the queue.
func TestClaimsDropStaleEntries(t *testing.T) {
	g := newStage(t)
	w := g.newWorker(1)
	g.spawn(w, 1) // the oldest one
	var claimed []*rt.Task
	defer func() { g.end(w, claimed...) }()
	most := 0
	for range 1000 {
		for _, d := range g.spawn(w, 3) { // the claim of the first leaves a stale entry
			w.wishFor(d, d.Gen())
			w.endChain()
			require.Same(t, d, w.claim())
			claimed = append(claimed, d)
		}
		most = max(most, w.runq.Len()+w.children.Len())
	}
	require.LessOrEqual(t, most, 2*minStale)
}

// dropStale leaves the other entries in their order.
func TestDropStaleKeepsTheOrder(t *testing.T) {
	g := newStage(t)
	w := g.newWorker(1)
	ds := g.spawn(w, 100)
	var got, want, claimed []*rt.Task
	defer func() { g.end(w, append(got, claimed...)...) }()
	for i, d := range ds[:99] {
		if i%3 == 1 {
			require.True(t, d.Claim(d.Gen()))
			claimed = append(claimed, d)
		} else {
			want = append(want, d)
		}
	}
	w.dropStale()
	require.Equal(t, len(want), w.children.Len())
	for d := w.pop(); d != nil; d = w.pop() {
		got = append(got, d)
	}
	require.Len(t, got, len(want))
	for i := range want {
		require.Same(t, want[i], got[i])
	}
}

// A worker does not run what another scheduler's worker has queued.
func TestClaimAcrossSchedulers(t *testing.T) {
	g, h := newStage(t), newStage(t)
	w, other := g.newWorker(1), h.newWorker(1)
	d := g.spawn(w, 1)[0]
	defer g.end(w)
	other.wishFor(d, d.Gen())
	require.Nil(t, other.wish.t)
	w.wishFor(d, d.Gen())
	require.Same(t, d, w.wish.t)
	w.wish.t = nil
}

// A thief takes half of the children, the oldest first.
func TestThiefTakesTheOldestChildren(t *testing.T) {
	g := newStage(t)
	w, thief := g.newWorker(1), g.newWorker(2)
	ds := g.spawn(w, 9) // the last one is in the next slot
	d := thief.stealChildren(w)
	defer func() { g.end(w, d); g.end(thief) }()
	require.Same(t, ds[0], d)
	require.Equal(t, 3, thief.children.Len())
	require.Equal(t, 4, w.children.Len())
	for i := range 3 {
		d := thief.children.Pop()
		defer g.inject(d)
		require.Same(t, ds[3-i], d)
	}
}

// A worker that leaves is a producer of all that it hands over.
func TestHandOverWakes(t *testing.T) {
	queues := map[string]func(w *worker) *deque.Owner[rt.Task]{
		"run queue": func(w *worker) *deque.Owner[rt.Task] { return &w.runq },
		"children":  func(w *worker) *deque.Owner[rt.Task] { return &w.children },
	}
	for name, queue := range queues {
		t.Run(name, func(t *testing.T) {
			g := newStage(t)
			w := g.newWorker(1)
			for _, d := range g.tasks(1) {
				queue(w).Push(d)
			}
			before := g.wakes.Load()
			w.handOver()
			after := g.wakes.Load()
			left := queue(w).Len()
			for d := queue(w).Pop(); d != nil; d = queue(w).Pop() {
				g.inject(d) // so that Close ends
			}
			g.wakeOne() // so that Close ends even if handOver did not
			require.Equal(t, before+1, after)
			require.Zero(t, left)
		})
	}
}

// A task that parks after Close has walked the tasks finds the phase changed.
func TestCommitSeesThePhase(t *testing.T) {
	g := newStage(t)
	w := g.newWorker(1)
	d := g.tasks(1)[0]
	w.act, w.prev, w.prevPark, w.prevGen = actPark, d, rt.WaitReady.Park(rt.ForReady), d.Gen()
	g.phase.Store(phaseClosed)
	w.commit()
	if w.pinned {
		runtime.UnlockOSThread() // commit comes after a switch, which was made unlocked
	}
	g.phase.Store(phaseOpen)
	cancelled := d.Status().Cancelled()
	if !cancelled {
		_, queue := d.Cancel(d.Gen(), rt.Closed)
		require.True(t, queue)
		g.inject(d)
	} else {
		require.Same(t, d, w.runq.Pop())
		g.inject(d)
	}
	require.True(t, cancelled)
}

// Blocking's goroutines are owed a P when they start, and when they are woken, and no longer once
// they run. newStage looks at the count.
func TestBlockersOweNothing(t *testing.T) {
	g := newStage(t)
	for range 3 {
		h := g.Go(func(c *task.Ctx) {
			for range 20 {
				if err := c.BlockingOrAbandon(func() {}); err != nil {
					panic(err)
				}
			}
		})
		require.NoError(t, h.Wait())
		if n := g.shared.ReadyGoroutines.Swap(0); n != 0 { // 0, so that the end of the scheduler does not wait for it
			t.Fatalf("%d goroutines are owed a P", n)
		}
	}
}

// A cancelled Sleep takes its timer back.
func TestCancelledSleepDisarms(t *testing.T) {
	g := newStage(t)
	var ts []task.Task
	for range 10 {
		ts = append(ts, g.Go(func(c *task.Ctx) { _ = c.Sleep(time.Hour) }))
	}
	for begin := time.Now(); ; runtime.Gosched() {
		if g.timers.Len() == len(ts) {
			break
		}
		require.Less(t, time.Since(begin), testkit.Patience, "the tasks do not sleep")
	}
	g.awaitSleep()
	for _, h := range ts {
		h.Cancel()
		_ = h.Wait()
	}
	armed := g.timers.Len()
	require.Zero(t, armed)
}

// bareTask returns a task that no queue holds, of a scheduler without goroutines.
func bareTask(t *testing.T, s *Scheduler) *rt.Task {
	require.True(t, s.enter())
	d, _ := s.newTask(func(*task.Ctx) {}, nil)
	return d
}

// sysmon wakes a sleeping worker for a task that was in the next slot at its last tick too
// (Slot-N3).
func TestSysmonWakesForTheNextSlot(t *testing.T) {
	s := newBare(2)
	sleeper, hog := s.workers()[0], s.workers()[1]
	sleeper.announce()
	hog.next.put(bareTask(t, s), wokenTask)
	require.False(t, s.freeNextSlots(), "a task that has just come")
	require.Zero(t, s.wakes.Load())
	require.True(t, s.freeNextSlots())
	require.EqualValues(t, 1, s.wakes.Load())
	hog.next.put(bareTask(t, s), wokenTask)
	require.False(t, s.freeNextSlots(), "another one")
}

// If the last worker that is awake leaves the pool, the parties that wait until all workers sleep
// learn of it: Pause, and the end.
func TestTheLastWorkerAwakeLeaves(t *testing.T) {
	s := newBare(2)
	s.workers()[0].announce()
	last := s.workers()[1]
	rest, _, err := s.beginPause()
	require.NoError(t, err)
	s.phase.Store(phaseDraining)
	require.False(t, last.depart(), "it is a member")
	last.member.Store(wkLeaving)
	require.True(t, last.depart())
	for what, c := range map[string]<-chan struct{}{"Pause": rest.Done(), "the end": s.quiet} {
		select {
		case <-c:
		default:
			t.Errorf("%s does not hear of it", what)
		}
	}
}

// A worker that was the last searcher and has found something wakes another if there is more
// (Sleep-W5).
func TestTheLastSearcherWakesAnother(t *testing.T) {
	s := newBare(2)
	s.workers()[0].announce()
	w := s.workers()[1]
	w.searching = s.idle.TrySearch()
	require.True(t, w.searching)
	s.inj.Push(bareTask(t, s))
	w.stopSearching()
	require.EqualValues(t, 1, s.wakes.Load())
	w.stopSearching()
	require.EqualValues(t, 1, s.wakes.Load(), "it does not search any more")
}

// sysmon moves all tasks from behind a hog: the next slot, the queue, the children, and the
// forked calls that are exposed. It wakes a worker for them.
func TestAllBehindAHogIsHandedOut(t *testing.T) {
	s := newBare(2)
	s.workers()[0].announce()
	hog := s.workers()[1]
	want := []*rt.Task{bareTask(t, s), bareTask(t, s), bareTask(t, s), bareTask(t, s)}
	hog.next.put(want[0], wokenTask)
	hog.runq.Push(want[1])
	hog.runq.Push(want[2])
	hog.children.Push(want[3])
	parent := bareTask(t, s)
	parent.NeedExtra()
	call := &rt.Frame{Forker: parent}
	hog.Forks.Push(call)
	require.True(t, s.freeBehind(hog))
	require.EqualValues(t, 1, s.wakes.Load())
	for _, d := range want {
		got, ok := s.inj.Pop(1, nil)
		require.True(t, ok)
		require.Same(t, d, got)
	}
	got, ok := s.inj.Pop(1, nil)
	require.True(t, ok)
	require.NotNil(t, got)
	require.Same(t, call, got.Fn())
	require.False(t, s.freeBehind(hog), "nothing is left")
}

// Of many forked calls behind a hog, sysmon moves few at a time, because each then takes a
// descriptor, but always some.
func TestManyCallsBehindAHog(t *testing.T) {
	s := newBare(2)
	hog := s.workers()[1]
	parent := bareTask(t, s)
	parent.NeedExtra()
	const calls = 3 * mostAdopted
	for range calls {
		hog.Forks.Push(&rt.Frame{Forker: parent})
	}
	require.True(t, s.freeBehind(hog))
	require.Equal(t, mostAdopted, s.inj.Len(), "what the injector is filled up to")
	require.True(t, s.freeBehind(hog))
	require.Equal(t, mostAdopted+leastAdopted, s.inj.Len(), "what is handed out beside a full injector")
	for s.inj.Len() > 0 {
		_, ok := s.inj.Pop(1, nil)
		require.True(t, ok)
	}
	require.True(t, s.freeBehind(hog))
	require.Equal(t, mostAdopted, s.inj.Len())
}
