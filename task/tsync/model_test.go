//go:build heddle_model

package tsync

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/explore"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// A stage provides the tasks of a model. They are real descriptors, each alone on a worker that can
// only park. Where a scheduler would switch to another task, the model's thread blocks until its
// task is queued.
type stage struct {
	rt.Scheduler
	home  rt.Shared
	tasks []*actor
	help  func() // the function of Assist, until a thread of the model takes it
}

// An actor is a task and the worker that it runs on.
type actor struct {
	rt.Host
	rt.Worker
	s      *stage
	d      *rt.Task
	c      *task.Ctx
	queued int // how often the task has been queued since it last ran
}

func newStage(n int) *stage {
	s := &stage{}
	s.home.Sched = s
	for i := range n {
		a := &actor{s: s, d: &rt.Task{}}
		a.Worker.Host, a.Worker.Shared, a.Worker.Index = a, &s.home, i
		a.d.Init(&a.Worker)
		a.d.Start("fn", nil)
		a.d.Run(&a.Worker)
		a.d.Flag().Grant(1000)
		a.c = (*task.Ctx)(a.d)
		s.tasks = append(s.tasks, a)
	}
	return s
}

// Inject implements rt.Scheduler.
func (s *stage) Inject(d *rt.Task) {
	for _, a := range s.tasks {
		if a.d == d {
			if a.queued++; a.queued > 1 {
				explore.Failf("a task was queued twice")
			}
		}
	}
}

// Assist implements rt.Scheduler.
func (s *stage) Assist(f func()) { s.help = f }

// Local implements rt.Host.
func (a *actor) Local(d *rt.Task) { a.s.Inject(d) }

// Park implements rt.Host.
func (a *actor) Park(d *rt.Task, k rt.Park) {
	if !d.CommitPark(k) {
		return
	}
	explore.Block("park", func() bool { return a.queued > 0 })
	a.queued--
}

func (a *actor) cancel() {
	if _, queue := a.d.Cancel(a.d.Gen(), rt.Default); queue {
		a.s.Inject(a.d)
	}
}

// random explores schedules at random. It is for models that are too large for a complete search,
// and for schedules beyond the bound of one.
var random = explore.Config{Mode: explore.PCT, MaxSchedules: 5_000, Seed: 1}

// exploreBoth explores all schedules with at most the given number of preemptions, and random ones.
func exploreBoth(t *testing.T, preemptions int, setup func(*explore.Model)) {
	t.Helper()
	explore.Run(t, explore.Config{Preemptions: preemptions}, setup)
	explore.Run(t, random, setup)
}

func requireCaught(t *testing.T, setup func(*explore.Model)) *explore.Failure {
	t.Helper()
	_, failure := explore.Check(explore.Config{Preemptions: 2}, setup)
	require.NotNil(t, failure, "the planted bug was not caught")
	t.Logf("%v: %s", failure.Kind, failure.Message)
	return failure
}

// ---- Mutex

// A locking says how the tasks of a model lock and unlock.
type locking struct {
	lock   func(m *Mutex, c *task.Ctx) error
	unlock func(m *Mutex)
}

var rightLocking = locking{
	lock:   func(m *Mutex, c *task.Ctx) error { return m.LockContext(c) },
	unlock: (*Mutex).Unlock,
}

// excludes is a model of n tasks that each lock and unlock one mutex. If cancels is set, the last
// task is cancelled meanwhile. A task that is forgotten in the queue shows as a deadlock.
func excludes(n int, cancels bool, l locking) func(*explore.Model) {
	return func(m *explore.Model) {
		s := newStage(n)
		var mu Mutex
		var inside atomicx.Int32
		failed := 0
		for i, a := range s.tasks {
			m.Thread(fmt.Sprint("task", i), func() {
				if l.lock(&mu, a.c) != nil {
					failed++
					return
				}
				if inside.Add(1) != 1 {
					explore.Failf("two are inside")
				}
				inside.Add(-1)
				l.unlock(&mu)
			})
		}
		if cancels {
			m.Thread("canceller", s.tasks[n-1].cancel)
		}
		m.Check(func() error {
			if st := mu.state.Load(); st != 0 || mu.queue.First != nil {
				return fmt.Errorf("in the end the mutex is in state %b", st)
			}
			if failed > 0 && !cancels {
				return fmt.Errorf("%d gave up", failed)
			}
			for i, a := range s.tasks {
				if a.queued != 0 {
					return fmt.Errorf("task %d was woken once too often", i)
				}
			}
			return nil
		})
	}
}

func TestModelMutex(t *testing.T) {
	exploreBoth(t, 4, excludes(2, false, rightLocking))
	exploreBoth(t, 3, excludes(2, true, rightLocking))
	explore.Run(t, random, excludes(3, true, rightLocking))
}

// The planted Unlock looks for waiters and unlocks in two steps. It leaves a task that queues in
// between waiting for ever.
func TestModelMutexUnlockWithoutCAS(t *testing.T) {
	l := rightLocking
	l.unlock = func(m *Mutex) {
		if m.state.Load() == mxLocked {
			m.state.Store(0)
			return
		}
		m.unlockSlow()
	}
	f := requireCaught(t, excludes(2, false, l))
	require.Equal(t, explore.Deadlock, f.Kind)
}

// The planted Lock queues without looking again whether the mutex is free. It waits for ever if an
// Unlock came in between.
func TestModelMutexQueuesWithoutLooking(t *testing.T) {
	l := rightLocking
	l.lock = func(m *Mutex, c *task.Ctx) error {
		if m.TryLock() {
			return nil
		}
		m.mu.Lock()
		m.handoffs = 10
		m.state.Or(mxQueued)
		w := mutexWaiters.take(c, (*rt.Task)(c), m)
		m.queue.Push(w)
		m.mu.Unlock()
		_, _, err := mutexWaiters.await(w, false)
		return err
	}
	f := requireCaught(t, excludes(2, false, l))
	require.Equal(t, explore.Deadlock, f.Kind)
}

// careless is an owner whose withdraw always succeeds, even if a waker has already claimed the
// waiter.
type careless struct{ m *Mutex }

func (o careless) withdraw(w *waiter[bool]) bool { o.m.withdraw(w); return true }

// A cancelled Lock that gives up although Unlock has handed it the mutex leaves the mutex locked
// for ever. Both variants always hand over, and the planted one has a careless owner.
func TestModelMutexGivesUpAfterHandOver(t *testing.T) {
	with := func(withdraw func(m *Mutex) owner[bool]) locking {
		l := rightLocking
		l.lock = func(m *Mutex, c *task.Ctx) error {
			m.mu.Lock()
			m.handoffs = 10
			if m.takeOrFlag(mxQueued, 0) {
				m.mu.Unlock()
				return nil
			}
			w := mutexWaiters.take(c, (*rt.Task)(c), withdraw(m))
			m.queue.Push(w)
			m.mu.Unlock()
			_, _, err := mutexWaiters.await(w, false)
			return err
		}
		return l
	}
	exploreBoth(t, 2, excludes(2, true, with(func(m *Mutex) owner[bool] { return m })))
	requireCaught(t, excludes(2, true, with(func(m *Mutex) owner[bool] { return careless{m} })))
}

// ---- RWMutex

// A library says how many readers and writers a model has, and how they unlock.
type library struct {
	readers, writers int
	cancels          bool // the first writer is cancelled
	runlock, unlock  func(rw *RWMutex)
}

// model checks that a writer is always alone inside, and that at the end the lock is free and both
// queues are empty.
func (l library) model(m *explore.Model) {
	s := newStage(l.readers + l.writers)
	var rw RWMutex
	var inside atomicx.Int32
	const writer = 100
	failed := 0
	for i, a := range s.tasks {
		if i < l.readers {
			m.Thread(fmt.Sprint("reader", i), func() {
				if rw.RLockContext(a.c) != nil {
					explore.Failf("a reader gave up")
				}
				if inside.Add(1) >= writer {
					explore.Failf("a reader is inside beside a writer")
				}
				inside.Add(-1)
				l.runlock(&rw)
			})
			continue
		}
		m.Thread(fmt.Sprint("writer", i-l.readers), func() {
			if rw.LockContext(a.c) != nil {
				failed++
				return
			}
			if inside.Add(writer) != writer {
				explore.Failf("a writer is not alone inside")
			}
			inside.Add(-writer)
			l.unlock(&rw)
		})
	}
	if l.cancels {
		m.Thread("canceller", s.tasks[l.readers].cancel)
	}
	m.Check(func() error {
		if st := rw.state.Load(); st != 0 || rw.readq.First != nil || rw.writeq.First != nil {
			return fmt.Errorf("in the end the lock is in state %b", st)
		}
		if failed > 0 && !l.cancels {
			return fmt.Errorf("%d gave up", failed)
		}
		for i, a := range s.tasks {
			if a.queued != 0 {
				return fmt.Errorf("task %d was woken once too often", i)
			}
		}
		return nil
	})
}

func TestModelRWMutex(t *testing.T) {
	right := library{runlock: (*RWMutex).RUnlock, unlock: (*RWMutex).Unlock}
	for _, n := range [][2]int{{1, 1}, {0, 2}, {2, 1}, {1, 2}} {
		for _, cancels := range []bool{false, true} {
			l := right
			l.readers, l.writers, l.cancels = n[0], n[1], cancels
			if n[0]+n[1] == 2 {
				exploreBoth(t, 3, l.model)
			} else {
				exploreBoth(t, 2, l.model)
			}
		}
	}
}

// The planted unlocks look for waiters first and then unlock in a second step. They leave a waiter
// that queues in between waiting for ever.
func TestModelRWMutexUnlockWithoutCAS(t *testing.T) {
	l := library{readers: 1, writers: 1, runlock: func(rw *RWMutex) {
		if s := rw.state.Load(); s&rwQueued == 0 {
			rw.state.Store(s - rwReader)
			return
		}
		rw.runlockSlow()
	}, unlock: (*RWMutex).Unlock}
	requireCaught(t, l.model)
	l = library{writers: 2, runlock: (*RWMutex).RUnlock, unlock: func(rw *RWMutex) {
		if rw.state.Load() == rwWriting {
			rw.state.Store(0)
			return
		}
		rw.unlockSlow()
	}}
	requireCaught(t, l.model)
}

// ---- Chan

// A talk says how the tasks of a model use a channel.
type talk struct {
	send  func(ch *Chan[int], c *task.Ctx, v int) error
	recv  func(ch *Chan[int], c *task.Ctx) (int, bool, error)
	close func(ch *Chan[int])
}

var rightTalk = talk{
	send:  func(ch *Chan[int], c *task.Ctx, v int) error { return ch.Send(c, v) },
	recv:  func(ch *Chan[int], c *task.Ctx) (int, bool, error) { return ch.Recv(c) },
	close: func(ch *Chan[int]) { ch.Close() },
}

// A chat is a model of a channel with senders and receivers, and other parties that interfere.
type chat struct {
	talk
	capacity           int
	senders, receivers int
	each               int
	paired             bool // the channel begins paired, between the first sender and receiver
	cancelSender       bool // the first sender is cancelled
	cancelReceiver     bool // the first receiver is cancelled
	closes             bool // another thread closes the channel meanwhile
	sweeps             bool // tasks that wait at the end are cancelled
}

// model checks that each value that was sent has been received once, or is still in the buffer, and
// that nothing else has been received. When all other threads are through, the sweeper cancels the
// tasks that still wait, or Close has ended their waits.
func (x chat) model(m *explore.Model) {
	s := newStage(x.senders + x.receivers)
	ch := NewChan[int](x.capacity)
	if x.paired {
		for dir, a := range map[direction]*actor{sending: s.tasks[0], receiving: s.tasks[x.senders]} {
			w := &waiter[int]{at: ch, of: a.d, index: int(dir)}
			w.Prepare(a.c, a.d)
			ch.kept[dir].Store(w)
		}
	} else {
		ch.lock() // makes the channel queued
		ch.mu.Unlock()
	}
	var sent, got []int
	over := 0
	for i, a := range s.tasks {
		if i < x.senders {
			m.Thread(fmt.Sprint("sender", i), func() {
				defer func() {
					over++
					if p := recover(); p != nil && !x.closes {
						panic(p)
					}
				}()
				for k := range x.each {
					v := 10*(i+1) + k
					if x.send(ch, a.c, v) != nil {
						return
					}
					sent = append(sent, v)
				}
			})
			continue
		}
		m.Thread(fmt.Sprint("receiver", i-x.senders), func() {
			defer func() { over++ }()
			for range x.each * max(x.senders/x.receivers, 1) {
				v, ok, err := x.recv(ch, a.c)
				if err != nil || !ok {
					return
				}
				got = append(got, v)
			}
		})
	}
	if x.cancelSender {
		m.Thread("canceller of the sender", s.tasks[0].cancel)
	}
	if x.cancelReceiver {
		m.Thread("canceller of the receiver", s.tasks[x.senders].cancel)
	}
	if x.closes {
		m.Thread("closer", func() { x.close(ch) })
	} else if x.sweeps || x.cancelSender || x.cancelReceiver {
		// The sweeper cancels the tasks whose partners are gone, when no other thread can go on.
		m.Thread("sweeper", func() {
			for _, a := range s.tasks {
				explore.Block("rest", func() bool {
					return over == len(s.tasks) || ch.word.Load()&(chReceiver|chSender) != 0 ||
						ch.sendq.First != nil || ch.recvq.First != nil
				})
				a.cancel()
			}
		})
	}
	m.Check(func() error {
		left := map[int]int{}
		for _, v := range sent {
			left[v]++
		}
		for _, v := range got {
			left[v]--
		}
		for ch.n > 0 {
			left[ch.get()]--
		}
		for v, n := range left {
			if n != 0 {
				return fmt.Errorf("%d was sent and not received %d times; sent %v, received %v", v, n, sent, got)
			}
		}
		if ch.sendq.First != nil || ch.recvq.First != nil || ch.word.Load()&(chSender|chReceiver) != 0 {
			return fmt.Errorf("somebody is left in a queue")
		}
		for i, a := range s.tasks {
			if a.queued != 0 {
				return fmt.Errorf("task %d was woken once too often", i)
			}
		}
		return nil
	})
}

func TestModelChan(t *testing.T) {
	for _, paired := range []bool{false, true} {
		exploreBoth(t, 3, chat{talk: rightTalk, senders: 1, receivers: 1, each: 1, paired: paired}.model)
		explore.Run(t, random, chat{talk: rightTalk, senders: 1, receivers: 1, each: 3, paired: paired}.model)
		explore.Run(t, random, chat{talk: rightTalk, senders: 2, receivers: 1, each: 2, paired: paired}.model)
		explore.Run(t, random, chat{talk: rightTalk, senders: 2, receivers: 2, each: 1, paired: paired}.model)
		exploreBoth(t, 1, chat{talk: rightTalk, senders: 1, receivers: 1, each: 1, paired: paired, cancelSender: true}.model)
		exploreBoth(t, 1, chat{talk: rightTalk, senders: 1, receivers: 1, each: 1, paired: paired, cancelReceiver: true}.model)
		exploreBoth(t, 2, chat{talk: rightTalk, senders: 1, receivers: 1, each: 1, paired: paired, closes: true}.model)
		explore.Run(t, random, chat{talk: rightTalk, senders: 2, receivers: 1, each: 1, paired: paired, closes: true, cancelSender: true}.model)
	}
	explore.Run(t, random, chat{talk: rightTalk, capacity: 1, senders: 1, receivers: 1, each: 3}.model)
	explore.Run(t, random, chat{talk: rightTalk, capacity: 1, senders: 2, receivers: 1, each: 2, cancelSender: true}.model)
}

// The planted Recv takes the bit of a waiting sender out without a CAS. Two receivers can then both
// get its value.
func TestModelChanMeetsWithoutCAS(t *testing.T) {
	x := rightTalk
	x.recv = func(ch *Chan[int], c *task.Ctx) (int, bool, error) {
		if s := ch.word.Load(); s&chState == chSender {
			w := ch.kept[sending].Load()
			ch.word.Store(s - chSender)
			v := w.v
			w.ok = true
			w.Wake((*rt.Task)(c))
			return v, true, nil
		}
		return ch.Recv(c)
	}
	two := chat{talk: rightTalk, senders: 1, receivers: 2, each: 1, paired: true, sweeps: true}
	exploreBoth(t, 1, two.model)
	two.talk = x
	f := requireCaught(t, two.model)
	require.NotEqual(t, explore.Deadlock, f.Kind)
}

// The planted unpair does not queue the waiter of a paired channel. No party finds that waiter any
// more.
func TestModelChanUnpairForgets(t *testing.T) {
	x := rightTalk
	x.close = func(ch *Chan[int]) {
		ch.mu.Lock()
		if ch.word.Load()&chQueued == 0 {
			ch.word.Store(ch.word.Load()&^chState + chEpoch + chQueued)
		}
		ch.mu.Unlock()
		ch.Close()
	}
	f := requireCaught(t, chat{talk: x, senders: 1, receivers: 1, each: 1, paired: true, closes: true}.model)
	require.Equal(t, explore.Deadlock, f.Kind)
}

// The planted Send gives up when it is cancelled, without taking its waiter back. It then reports
// that nothing was sent, although a receiver gets its value.
func TestModelChanGivesUpAfterHandOver(t *testing.T) {
	x := rightTalk
	x.send = func(ch *Chan[int], c *task.Ctx, v int) error {
		d := (*rt.Task)(c)
		ch.lock()
		if w := ch.receiver(nil); w != nil {
			w.v, w.ok = v, true
			ch.mu.Unlock()
			w.wake(d)
			return nil
		}
		w := ch.waiter(c, d, sending, false)
		w.v = v
		ch.sendq.Push(w)
		ch.mu.Unlock()
		d.Worker().Host.Park(d, rt.ForWake)
		if !d.Woken() {
			ch.withdraw(w)
			return c.Err()
		}
		return nil
	}
	requireCaught(t, chat{talk: x, senders: 1, receivers: 1, each: 1, cancelSender: true}.model)
}

// ---- Select

// A choice says how the tasks of a model select.
type choice func(c *task.Ctx, cases ...Case) (int, error)

// choose is a model of two tasks that each select between a send on one channel and a receive on
// the other, in opposite directions. So each can serve the other in two ways. If set, cancels adds
// a thread that cancels the first task, and closes one that closes both channels. others is the
// number of additional receivers.
func choose(sel choice, cancels, closes bool, others int) func(*explore.Model) {
	return func(m *explore.Model) {
		modelSeed = 1
		s := newStage(2 + others)
		a, b := NewChan[int](0), NewChan[int](0)
		var sent, got int
		over := 0
		for i := range 2 {
			m.Thread(fmt.Sprint("select", i), func() {
				defer func() {
					over++
					if p := recover(); p != nil && !closes {
						panic(p)
					}
				}()
				out, in := a, b
				if i == 1 {
					out, in = b, a
				}
				x, y := out.SendCase(i+1), in.RecvCase()
				switch k, err := sel(s.tasks[i].c, x, y); {
				case err != nil:
				case k == 0:
					sent += i + 1
				case y.OK:
					got += y.Value
				}
			})
		}
		for i := range others {
			m.Thread(fmt.Sprint("receiver", i), func() {
				defer func() { over++ }()
				if v, ok, err := a.Recv(s.tasks[2+i].c); err == nil && ok {
					got += v
				}
			})
		}
		if closes {
			m.Thread("closer", func() { a.Close(); b.Close() })
		}
		if cancels {
			m.Thread("canceller", s.tasks[0].cancel)
		}
		if cancels || others > 0 {
			m.Thread("sweeper", func() {
				for _, x := range s.tasks {
					explore.Block("rest", func() bool {
						return over == len(s.tasks) || a.sendq.First != nil || a.recvq.First != nil || b.sendq.First != nil || b.recvq.First != nil
					})
					x.cancel()
				}
			})
		}
		m.Check(func() error {
			if sent != got {
				return fmt.Errorf("sent %d, received %d", sent, got)
			}
			for _, ch := range []*Chan[int]{a, b} {
				if ch.sendq.First != nil || ch.recvq.First != nil {
					return fmt.Errorf("a case is left in a queue")
				}
			}
			for i, x := range s.tasks {
				if x.queued != 0 {
					return fmt.Errorf("task %d was woken once too often", i)
				}
			}
			return nil
		})
	}
}

func rightSelect(c *task.Ctx, cases ...Case) (int, error) { return selectAt(c, cases...) }

func TestModelSelect(t *testing.T) {
	defer func() { modelSeed = 0 }()
	exploreBoth(t, 2, choose(rightSelect, false, false, 0))
	exploreBoth(t, 1, choose(rightSelect, true, false, 0))
	exploreBoth(t, 1, choose(rightSelect, false, true, 0))
	explore.Run(t, random, choose(rightSelect, true, true, 0))
	explore.Run(t, random, choose(rightSelect, false, false, 1))
	explore.Run(t, random, choose(rightSelect, true, false, 2))
}

// selectWith is Select without its special cases. If together is false, it locks the channels one
// at a time instead of all together.
func selectWith(c *task.Ctx, cases []Case, together bool) (int, error) {
	d := (*rt.Task)(c)
	s := newSelection(d, cases)
	defer func() { s.free(d) }()
	s.Prepare(c, d)
	if together {
		s.lock(d, cases)
		if i, w := s.try(d, cases); i >= 0 {
			s.release(cases)
			if w != nil {
				w.wake(d)
			}
			return i, nil
		}
		for _, o := range s.order {
			i := o.index
			cases[i].enqueue()
		}
		s.unlock(cases)
	} else {
		for _, o := range s.order {
			i := o.index
			cases[i].lock()
			cases[i].attach(s, int(i))
			o, w := cases[i].try(s)
			cases[i].unlock()
			if o == done {
				for _, o := range s.order {
					cases[o.index].detach()
				}
				if w != nil {
					w.wake(d)
				}
				return int(i), nil
			}
		}
		for _, o := range s.order {
			i := o.index
			cases[i].lock()
			cases[i].enqueue()
			cases[i].unlock()
		}
	}
	err := s.WaitIn(s)
	for _, o := range s.order {
		i := o.index
		if err != nil || int(i) != s.index {
			cases[i].dequeue()
		}
	}
	if err != nil {
		return -1, err
	}
	cases[s.index].finish()
	return s.index, nil
}

// Select is right with all channels locked together. If two selects try the channels one by one,
// and then queue on them one by one, they can miss each other.
func TestModelSelectOneByOne(t *testing.T) {
	defer func() { modelSeed = 0 }()
	exploreBoth(t, 2, choose(func(c *task.Ctx, cases ...Case) (int, error) { return selectWith(c, cases, true) }, false, false, 0))
	f := requireCaught(t, choose(func(c *task.Ctx, cases ...Case) (int, error) { return selectWith(c, cases, false) }, false, false, 0))
	require.Equal(t, explore.Deadlock, f.Kind)
}

// The planted select stays in the queues of the cases that it did not choose. It takes values that
// others should receive.
func TestModelSelectStaysQueued(t *testing.T) {
	defer func() { modelSeed = 0 }()
	sel := func(c *task.Ctx, cases ...Case) (int, error) {
		d := (*rt.Task)(c)
		s := newSelection(d, cases)
		s.lock(d, cases)
		i, w := s.try(d, cases)
		if i >= 0 {
			s.release(cases)
			s.free(d)
			if w != nil {
				w.wake(d)
			}
			return i, nil
		}
		s.Prepare(c, d)
		for _, o := range s.order {
			i := o.index
			cases[i].enqueue()
		}
		s.unlock(cases)
		err := s.WaitIn(s)
		if err == nil {
			cases[s.index].finish()
		}
		for _, o := range s.order {
			cases[o.index].detach()
		}
		i = s.index
		s.free(d)
		if err != nil {
			return -1, err
		}
		return i, nil
	}
	requireCaught(t, choose(sel, false, false, 0))
}

// ---- Select with native channels

// A hybrid is a model of a task that selects between a native channel, a Chan that it receives
// from, and a Chan that it sends to, and of other parties that interfere.
type hybrid struct {
	rounds                  int
	native, closes          bool // a value is sent on the native channel; the native channel is closed
	sends, receives, cancel bool // another party sends on in; receives from out; cancels the task
	sel                     choice
}

// model checks that each select does exactly one case, and that each value that was sent is
// received once or is still there.
func (x hybrid) model(m *explore.Model) {
	s := newStage(1)
	a := s.tasks[0]
	native, in, out := make(chan int, 1), NewChan[int](0), NewChan[int](0)
	sent, got, taken, given := 0, 0, 0, 0
	over := false
	m.Thread("select", func() {
		defer func() { over = true }()
		n, r, t := RecvNative(native), in.RecvCase(), out.SendCase(100)
		for range x.rounds {
			n.Value, r.Value = -1, -1 // forgets the values of the previous round
			k, err := x.sel(a.c, n, r, t)
			switch {
			case err != nil:
				if !x.cancel {
					explore.Failf("%v", err)
				}
				return
			case k == 0 && n.OK:
				got += n.Value
			case k == 1 && r.OK:
				got += r.Value
			case k == 2:
				given += 100
			}
			if n.used.Load() || r.w.sel != nil || t.w.sel != nil {
				explore.Failf("a case is still in use")
			}
		}
	})
	m.Thread("helper", func() {
		for {
			explore.Block("help", func() bool { return s.help != nil || over })
			if s.help == nil {
				return
			}
			h := s.help
			s.help = nil
			h()
		}
	})
	if x.native || x.closes {
		m.Thread("native", func() {
			if x.native {
				explore.Point("send")
				native <- 1
				sent++
			}
			if x.closes {
				explore.Point("close")
				close(native)
			}
		})
	}
	if x.sends {
		m.Thread("sender", func() {
			if in.TrySend(10) {
				sent += 10
			}
		})
	}
	if x.receives {
		m.Thread("receiver", func() {
			if v, ok := out.TryRecv(); ok {
				taken += v
			}
		})
	}
	if x.cancel {
		m.Thread("canceller", a.cancel)
	}
	m.Check(func() error {
		for len(native) > 0 {
			got += <-native
		}
		if sent != got || taken != given {
			return fmt.Errorf("sent %d, received %d; given %d, taken %d", sent, got, given, taken)
		}
		if in.recvq.First != nil || out.sendq.First != nil {
			return fmt.Errorf("a case is left in a queue")
		}
		if a.queued != 0 {
			return fmt.Errorf("the task was woken once too often")
		}
		return nil
	})
}

func TestModelSelectNative(t *testing.T) {
	defer func() { modelSeed = 0 }()
	for modelSeed = 1; modelSeed <= 2; modelSeed++ {
		for _, x := range []struct {
			preemptions int
			hybrid
		}{
			{3, hybrid{native: true}},
			{1, hybrid{native: true, cancel: true}},
			{1, hybrid{closes: true, cancel: true}},
			{1, hybrid{native: true, sends: true}},
			{1, hybrid{native: true, receives: true}},
			{1, hybrid{native: true, closes: true, sends: true}},
		} {
			x.rounds, x.sel = 1, rightSelect
			exploreBoth(t, x.preemptions, x.model)
		}
		all := hybrid{native: true, closes: true, sends: true, receives: true, cancel: true, sel: rightSelect}
		for all.rounds = 1; all.rounds <= 3; all.rounds++ {
			explore.Run(t, random, all.model)
		}
	}
}
