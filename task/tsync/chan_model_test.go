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
			w := &waiter[int]{at: ch, of: a.d, index: uint16(dir)}
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
			w.Wake((*rt.Life)(c).Task())
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
		d := (*rt.Life)(c).Task()
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
