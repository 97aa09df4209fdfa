package schednats

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// recordBatch bounds the outcomes under way to the server at a time.
	recordBatch = 256
	// confirmWait is how long the recorder waits for the server to confirm a batch before it
	// asks again.
	confirmWait = 10 * time.Second
	// maxReason bounds the text of an error in a header, in bytes.
	maxReason = 1024
)

// record takes finished jobs, records their outcomes and settles them, until life ends. It tries
// again, with a back-off, what the server has not taken.
func (s *server[J, R]) record() {
	var pending []*held
	fails := 0
	for {
		if len(pending) == 0 {
			select {
			case h := <-s.done:
				pending = append(pending, h)
			case <-s.life.Done():
				return
			}
		}
	more:
		for len(pending) < recordBatch {
			select {
			case h := <-s.done:
				pending = append(pending, h)
			default:
				break more
			}
		}
		var err error
		if pending, err = s.recordAll(pending); err == nil {
			fails = 0
			continue
		}
		fails++
		s.opts.OnError(fmt.Errorf("schednats: record %d outcomes: %w", len(pending), err))
		if pause(s.life, doubled(50*time.Millisecond, 2*time.Second, fails)) != nil {
			return
		}
	}
}

// recordAll records the outcomes of hs and settles their jobs. It returns those which have to be
// tried again, and an error of one of them.
func (s *server[J, R]) recordAll(hs []*held) (again []*held, err error) {
	futures := make([]jetstream.PubAckFuture, len(hs))
	publish := func(h *held) (jetstream.PubAckFuture, error) {
		return s.q.js.PublishMsgAsync(s.outcome(h), jetstream.WithExpectLastSequencePerSubject(0),
			jetstream.WithStallWait(confirmWait))
	}
	for i, h := range hs {
		f, e := publish(h)
		if errors.Is(e, nats.ErrMaxPayload) && h.reason == nil {
			h.reason, h.data = fmt.Errorf("result of %d bytes: %w", len(h.data), e), nil
			f, e = publish(h)
		}
		if e != nil {
			again, err = append(again, h), e
			continue
		}
		futures[i] = f
	}
	limit := time.NewTimer(confirmWait)
	defer limit.Stop()
	late := false
	for i, h := range hs {
		f := futures[i]
		if f == nil {
			continue
		}
		var e error
		if late {
			select {
			case <-f.Ok():
			case e = <-f.Err():
			default:
				e = nats.ErrTimeout
			}
		} else {
			select {
			case <-f.Ok():
			case e = <-f.Err():
			case <-limit.C:
				late, e = true, nats.ErrTimeout
			case <-s.life.Done():
				late, e = true, nats.ErrTimeout
			}
		}
		second := refused(e) || undecided(e) && s.recorded(h)
		if e == nil || second {
			e = s.settle(h, second)
		}
		if e != nil {
			again, err = append(again, h), e
		}
	}
	return again, err
}

// recorded reports whether an outcome is stored for h for good.
func (s *server[J, R]) recorded(h *held) bool {
	ctx, cancel := context.WithTimeout(s.life, askWait)
	defer cancel()
	_, err := s.q.done.GetLastMsgForSubject(ctx, s.q.doneSubject(h.batch, h.id))
	return err == nil
}

// outcome makes the message that records h's outcome.
func (s *server[J, R]) outcome(h *held) *nats.Msg {
	m := &nats.Msg{Subject: s.q.doneSubject(h.batch, h.id), Data: h.data, Header: nats.Header{}}
	if h.reason != nil {
		m.Header.Set(headerError, reasonText(h.reason))
	}
	m.Header.Set(headerDelivery, fmt.Sprint(h.delivery))
	return m
}

// reasonText makes a header's value of err: one line, bounded, never empty.
func reasonText(err error) string {
	b := []byte(err.Error())
	b = b[:min(len(b), maxReason)]
	for i, c := range b {
		if c < ' ' {
			b[i] = ' '
		}
	}
	if len(b) == 0 {
		return "error without a text"
	}
	return string(b)
}

// settle acknowledges a job for which an outcome is recorded, its own or, if second is set, an
// earlier one. A dead letter is copied to its stream first. If that fails, the next attempt finds
// the outcome recorded and goes on from there, in this process or in another one.
func (s *server[J, R]) settle(h *held, second bool) error {
	if h.reason != nil {
		copied, err := s.copyDead(h, second)
		if err != nil {
			return err
		}
		if copied {
			s.n.Dead.Add(1)
			second = false
		}
	}
	if second {
		s.n.Refused.Add(1)
	} else {
		s.n.Recorded.Add(1)
	}
	if h.reason != nil {
		_ = h.msg.TermWithReason(reasonText(h.reason))
	} else {
		_ = h.msg.Ack()
	}
	s.release(h)
	return nil
}

// copyDead copies h to the dead letters, unless the outcome that is recorded is a result.
func (s *server[J, R]) copyDead(h *held, second bool) (copied bool, err error) {
	ctx, cancel := context.WithTimeout(s.life, confirmWait)
	defer cancel()
	if second {
		last, err := s.q.done.GetLastMsgForSubject(ctx, s.q.doneSubject(h.batch, h.id))
		if err != nil {
			return false, fmt.Errorf("read recorded outcome: %w", err)
		}
		if last.Header.Get(headerError) == "" {
			return false, nil
		}
	}
	head := nats.Header{}
	for k, v := range h.msg.Headers() {
		if !strings.HasPrefix(k, "Nats-") { // the ID is one of another stream
			head[k] = v
		}
	}
	head.Set(headerError, reasonText(h.reason))
	head.Set(headerSubject, h.msg.Subject())
	head.Set(headerDelivery, fmt.Sprint(h.delivery))
	m := &nats.Msg{Subject: s.q.deadSubject(h.batch, h.id), Header: head, Data: h.msg.Data()}
	once := jetstream.WithExpectLastSequencePerSubject(0)
	_, err = s.q.js.PublishMsg(ctx, m, once)
	if errors.Is(err, nats.ErrMaxPayload) {
		m.Data, m.Header = nil, nats.Header{}
		m.Header.Set(headerError, head.Get(headerError))
		m.Header.Set(headerSubject, h.msg.Subject())
		m.Header.Set(headerDelivery, fmt.Sprint(h.delivery))
		m.Header.Set(headerCut, fmt.Sprint(len(h.msg.Data())))
		_, err = s.q.js.PublishMsg(ctx, m, once)
	}
	if err != nil && !refused(err) {
		return false, fmt.Errorf("copy dead letter: %w", err)
	}
	return err == nil, nil
}
