package schednats

import (
	"errors"
	"time"
)

// ErrDrain is the cause with which tasks are cancelled that have not ended within
// Options.DrainTimeout.
var ErrDrain = errors.New("schednats: drain timeout")

// drain hands back the jobs that have not begun, and waits for the others. It returns those that
// have not ended in time.
func (s *server[J, R]) drain() map[*held]struct{} {
	s.handBackQueued()
	wait := s.opts.DrainTimeout
	if s.q.js.Conn().IsClosed() {
		wait = 0 // nothing can be recorded any more
	}
	limit := time.NewTimer(wait)
	defer limit.Stop()
	for {
		s.mu.Lock()
		n := len(s.held)
		s.mu.Unlock()
		if n == 0 {
			return nil
		}
		select {
		case <-s.room:
			continue
		case <-limit.C:
		}
		left := map[*held]struct{}{}
		for _, h := range s.all() {
			if h.cancel != nil {
				h.cancel(ErrDrain)
			}
			left[h] = struct{}{}
		}
		return left
	}
}

// handBackQueued hands back all jobs that have not begun.
func (s *server[J, R]) handBackQueued() {
	for _, h := range s.all() {
		s.handBack(h, 0)
	}
}

// handBack hands back a job unless it has begun. The server delivers it again after delay.
func (s *server[J, R]) handBack(h *held, delay time.Duration) {
	if !h.state.CompareAndSwap(queued, settled) {
		return
	}
	s.n.HandedBack.Add(1)
	if delay > 0 {
		_ = h.msg.NakWithDelay(delay)
	} else {
		_ = h.msg.Nak()
	}
	s.release(h)
	h.cancel(ErrDrain)
}
