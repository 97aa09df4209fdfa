package schednats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/heddle-go/heddle/task"
)

// run is a job's task.
func (s *server[J, R]) run(c *task.Ctx, h *held, j Job[J]) {
	if !h.state.CompareAndSwap(queued, running) {
		return
	}
	if d := s.opts.Timeout; d > 0 {
		until := time.Now().Add(d + s.q.ackWait).UnixNano()
		if u := h.until.Load(); u == 0 || until < u {
			h.until.Store(until)
		}
		defer time.AfterFunc(d, func() { h.cancel(context.DeadlineExceeded) }).Stop()
	}
	value, err := s.call(c, j)
	s.n.Executed.Add(1)
	var data []byte
	if err == nil {
		data, err = s.q.codec.Encode(value)
		if err != nil {
			err = fmt.Errorf("%w: encode result: %w", ErrDead, err)
		}
	}
	s.mu.Lock()
	dropped := h.dropped
	s.mu.Unlock()
	switch {
	case dropped:
		s.n.Dropped.Add(1)
		_ = h.msg.Ack() // its message is gone from the server already
		s.release(h)
	case err == nil:
		h.data = data
		s.done <- h
	case errors.Is(c.Cause(), task.ErrClosed), errors.Is(c.Cause(), ErrDrain):
		s.n.HandedBack.Add(1)
		_ = h.msg.Nak()
		s.release(h)
	case !h.deadline.IsZero() && !time.Now().Before(h.deadline),
		h.delivery >= s.opts.MaxDeliver, errors.Is(err, ErrDead):
		s.bury(h, err)
	default:
		s.n.Failed.Add(1)
		s.opts.OnError(fmt.Errorf("schednats: job %s.%s, delivery %d: %w",
			h.batch, h.id, h.delivery, err))
		_ = h.msg.NakWithDelay(s.opts.Backoff(h.delivery))
		s.release(h)
	}
}

// call turns a panic of the handler, and runtime.Goexit, into an error.
func (s *server[J, R]) call(c *task.Ctx, j Job[J]) (value R, err error) {
	err = task.ErrGoexit
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("handler panicked: %v", p)
		}
	}()
	return s.handler(c, j)
}

// bury makes h, which is in state running, a dead letter.
func (s *server[J, R]) bury(h *held, reason error) {
	h.reason = reason
	s.done <- h
}

// unstarted settles a job whose task has ended, or will, without having begun: the pool refused or
// dropped it, or its deadline came first.
func (s *server[J, R]) unstarted(h *held, cause error) {
	switch {
	case !h.deadline.IsZero() && !time.Now().Before(h.deadline):
		if h.state.CompareAndSwap(queued, running) {
			s.bury(h, context.DeadlineExceeded)
		}
	case errors.Is(cause, ErrDropped):
		s.dropOne(h)
	case errors.Is(cause, task.ErrClosed), errors.Is(cause, ErrDrain):
		s.handBack(h, 0)
	default:
		// The pool is full. The server would send the job again at once, which would be a busy
		// loop.
		s.handBack(h, s.opts.Backoff(h.delivery))
	}
}
