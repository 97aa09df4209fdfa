//go:build heddle_model

package scheduler

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/explore"
	"github.com/heddle-go/heddle/internal/rt"
)

// An admissionBench is the queue with its limit, and Block's part of Scheduler around it, without tasks: each submission is a
// descriptor that is taken from the queue once.
type admissionBench struct {
	q     injector
	phase atomicx.Int32
	live  atomicx.Int64
	subs  []*submission
	blind bool // the mutant: enter the list without looking for room once more
	deaf  bool // the mutant: without looking at the phase once more
	stuck bool // the worker is held by a hog once the phase is past open
}

type submission struct {
	b       blocked
	wakeups int
	ran     int
	refused bool
}

func newAdmissionBench(limit, n int) *admissionBench {
	t := &admissionBench{}
	t.q.adm = &admission{limit: limit, policy: Block, wake: t.wake}
	t.q.tasks.ring = make([]*rt.Desc, 4)
	for range n {
		d := &rt.Desc{}
		d.Start(nil, nil)
		t.subs = append(t.subs, &submission{b: blocked{q: &t.q, d: d}})
	}
	return t
}

func (t *admissionBench) of(b *blocked) *submission {
	for _, s := range t.subs {
		if &s.b == b {
			return s
		}
	}
	panic("not a submission")
}

func (t *admissionBench) wake(b *blocked) { t.of(b).wakeups++ }

// submit is request, overflow and awaitRoom.
func (t *admissionBench) submit(s *submission) {
	t.live.Add(1) // (B1)
	if t.phase.Load() != phaseOpen {
		t.refuse(s)
		return
	}
	q := &t.q
	q.mu.Lock()
	if q.adm.reserve() {
		q.accept(s.b.d)
		q.mu.Unlock()
		return
	}
	q.mu.Unlock()
	q.mu.Lock() // (B2)
	if !t.deaf && t.phase.Load() != phaseOpen {
		q.mu.Unlock()
		t.refuse(s)
		return
	}
	if !t.blind && q.adm.reserve() {
		q.accept(s.b.d)
		q.mu.Unlock()
		return
	}
	q.adm.list.push(&s.b)
	q.mu.Unlock()
	explore.Block("room", func() bool { return s.wakeups > 0 }) // (B3)
	if !s.b.let {
		t.refuse(s)
	}
}

func (t *admissionBench) refuse(s *submission) {
	s.refused = true
	t.live.Add(-1)
}

// quit withdraws a submission, as the end of its context does.
func (t *admissionBench) quit(s *submission) {
	if s.b.Withdraw() {
		s.wakeups++
	}
}

// work takes submissions until all have had their outcome.
func (t *admissionBench) work() {
	left := func() bool {
		for _, s := range t.subs {
			if s.ran == 0 && !s.refused {
				return true
			}
		}
		return false
	}
	for {
		explore.Block("work", func() bool { return t.q.n.Load() > 0 || !left() || t.stuck && t.phase.Load() != phaseOpen })
		if !left() || t.stuck && t.phase.Load() != phaseOpen {
			return
		}
		t.q.mu.Lock() // popLevel tries, but here that would be a loop
		d, let := t.q.take(rt.Normal)
		t.q.mu.Unlock()
		t.q.wakeLet(let)
		for _, s := range t.subs {
			if s.b.d == d {
				s.ran++
				t.live.Add(-1)
			}
		}
	}
}

// close is Shutdown.
func (t *admissionBench) close() {
	t.phase.Store(phaseDraining) // (K1)
	t.q.mu.Lock()
	all := t.q.adm.list.refuse() // (K2)
	t.q.mu.Unlock()
	for all != nil {
		b := all
		all = b.next
		t.wake(b) // (K3)
	}
}

func admissions(limit, n int, change func(t *admissionBench), others ...func(t *admissionBench)) func(*explore.Model) {
	return func(m *explore.Model) {
		t := newAdmissionBench(limit, n)
		if change != nil {
			change(t)
		}
		for i, s := range t.subs {
			m.Thread(fmt.Sprint("submitter", i), func() { t.submit(s) })
		}
		m.Thread("worker", t.work)
		for i, f := range others {
			m.Thread(fmt.Sprint("other", i), func() { f(t) })
		}
		m.Check(func() error {
			queued := 0
			for i, s := range t.subs {
				if s.wakeups > 1 || s.ran > 1 || s.ran == 1 && s.refused {
					return fmt.Errorf("submission %d: woken %d times, ran %d times, refused: %v", i, s.wakeups, s.ran, s.refused)
				}
				if s.ran == 0 && !s.refused {
					queued++
				}
			}
			if queued > 0 && !t.stuck {
				return fmt.Errorf("%d submissions have no outcome", queued)
			}
			if int(t.live.Load()) != queued || t.q.adm.n != queued || t.q.len() != queued {
				return fmt.Errorf("%d queued, but %d are live, %d have room, %d are in the queue", queued, t.live.Load(), t.q.adm.n, t.q.len())
			}
			return nil
		})
	}
}

func TestModelBlock(t *testing.T) {
	two := explore.Config{Preemptions: 2}
	explore.Run(t, two, admissions(1, 2, nil))
	explore.Run(t, explore.Config{Preemptions: 1}, admissions(1, 3, nil))
	explore.Run(t, explore.Config{Preemptions: 1}, admissions(2, 3, nil))
	first := func(t *admissionBench) { t.quit(t.subs[0]) }
	explore.Run(t, two, admissions(1, 2, nil, first))
	explore.Run(t, two, admissions(1, 2, nil, (*admissionBench).close))
	stuck := func(t *admissionBench) { t.stuck = true }
	explore.Run(t, two, admissions(1, 2, stuck, (*admissionBench).close))
	explore.Run(t, explore.Config{Mode: explore.PCT, MaxSchedules: 5_000, Seed: 1}, admissions(1, 3, nil, first, (*admissionBench).close))
}

// Who enters the list without looking once more under the lock whether there is room waits beside an empty queue.
func TestModelBlockWithoutSecondLook(t *testing.T) {
	_, failure := explore.Check(explore.Config{Preemptions: 2}, admissions(1, 2, func(t *admissionBench) { t.blind = true }))
	require.NotNil(t, failure)
	require.Equal(t, explore.Deadlock, failure.Kind)
}

// Who does not look at the phase once more can enter it after Shutdown has emptied it, and waits behind a hog.
func TestModelBlockWithoutPhase(t *testing.T) {
	_, failure := explore.Check(explore.Config{Preemptions: 2}, admissions(1, 2, func(t *admissionBench) { t.deaf, t.stuck = true, true }, (*admissionBench).close))
	require.NotNil(t, failure)
	require.Equal(t, explore.Deadlock, failure.Kind)
}
