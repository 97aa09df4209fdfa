//go:build heddle_model

package tsync

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/explore"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

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
	d := (*rt.Life)(c).Task()
	s := newSelection(d, cases)
	defer func() { s.free(d) }()
	s.Prepare(c, d)
	if together {
		s.lock(d, cases)
		if i, w := s.try(d, cases); i >= 0 {
			s.unlock(cases, len(s.order))
			if w != nil {
				w.wake(d)
			}
			return i, nil
		}
		for _, o := range s.order {
			i := o.index
			cases[i].enqueue(s, int(i))
		}
		s.unlock(cases, 0)
	} else {
		lock := func(o *ordered) {
			o.at.mu.Lock()
			if o.at.word.Load()&chQueued == 0 {
				cases[o.index].unpair()
			}
		}
		for k := range s.order {
			o := &s.order[k]
			i := o.index
			lock(o)
			o.use.attach(s)
			out, w := cases[i].try(s)
			o.at.mu.Unlock()
			if out == done {
				for _, o := range s.order {
					o.use.sel = nil
				}
				if w != nil {
					w.wake(d)
				}
				return int(i), nil
			}
		}
		for k := range s.order {
			o := &s.order[k]
			lock(o)
			cases[o.index].enqueue(s, int(o.index))
			o.at.mu.Unlock()
		}
	}
	err := s.WaitIn(s)
	for _, o := range s.order {
		i := o.index
		if err != nil || int(i) != s.index {
			cases[i].dequeue(s)
		}
	}
	if err != nil {
		return -1, err
	}
	cases[s.index].finish(s)
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
		d := (*rt.Life)(c).Task()
		s := newSelection(d, cases)
		s.lock(d, cases)
		i, w := s.try(d, cases)
		if i >= 0 {
			s.unlock(cases, len(s.order))
			s.free(d)
			if w != nil {
				w.wake(d)
			}
			return i, nil
		}
		s.Prepare(c, d)
		for _, o := range s.order {
			i := o.index
			cases[i].enqueue(s, int(i))
		}
		s.unlock(cases, 0)
		err := s.WaitIn(s)
		if err == nil {
			cases[s.index].finish(s)
		}
		for _, x := range cases {
			u, _ := x.head()
			u.sel = nil
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
			if n.used.Load() || r.use.sel != nil || t.use.sel != nil {
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
