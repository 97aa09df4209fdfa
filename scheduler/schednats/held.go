package schednats

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/heddle-go/heddle/task"
	"github.com/nats-io/nats.go/jetstream"
)

// The states of a held job. The goroutine or task that changes queued to something else
// settles the job, or runs it and then settles it.
const (
	queued  = iota // its task has not begun
	running        // its handler has been called, or its outcome is being recorded
	settled        // it was handed back or dropped before its task began
)

// A held is a job that the process holds.
type held struct {
	msg      jetstream.Msg
	batch    string
	id       string
	delivery int
	seq      uint64    // in the job stream
	deadline time.Time // the job's own; zero: none
	state    atomic.Int32
	until    atomic.Int64 // when the signs of life stop, in ns since 1970; 0: never

	// cancel cancels the task, also while its submission waits for room in the pool. It is set
	// before other goroutines can find the job, and nil if there is no task.
	cancel context.CancelCauseFunc

	task    task.Task // written once by the fetching goroutine, under server.mu
	dropped bool      // under server.mu

	// What to record. The task or the fetching goroutine writes them before it sends the job to
	// the recorder, which owns them afterwards.
	data   []byte
	reason error // not nil: a dead letter
}

// hold counts h as held, so that other goroutines can find it. It reports whether its batch has
// been dropped while it was on its way.
func (s *server[J, R]) hold(h *held) (dropped bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[h] = struct{}{}
	s.n.Held.Store(int64(len(s.held)))
	h.dropped = h.seq <= s.drops[h.batch]
	return h.dropped
}

// release forgets a job that is settled.
func (s *server[J, R]) release(h *held) {
	s.mu.Lock()
	delete(s.held, h)
	s.n.Held.Store(int64(len(s.held)))
	s.mu.Unlock()
	select {
	case s.room <- struct{}{}:
	default:
	}
}

// all returns the jobs that are held.
func (s *server[J, R]) all() []*held {
	s.mu.Lock()
	defer s.mu.Unlock()
	hs := make([]*held, 0, len(s.held))
	for h := range s.held {
		hs = append(hs, h)
	}
	return hs
}

// handle returns h's task, which is the zero Task until the fetching goroutine has set it.
func (s *server[J, R]) handle(h *held) task.Task {
	s.mu.Lock()
	defer s.mu.Unlock()
	return h.task
}

// keep gives the server signs of life of the held jobs, a third of AckWait apart, so that two may
// get lost. It also settles the jobs whose task has ended without having begun.
func (s *server[J, R]) keep() {
	tick := time.NewTicker(s.q.ackWait / 3)
	defer tick.Stop()
	for {
		select {
		case <-s.life.Done():
			return
		case now := <-tick.C:
			connected := s.q.js.Conn().IsConnected()
			for _, h := range s.all() {
				t := s.handle(h)
				if t != (task.Task{}) && t.State() == task.Done && h.state.Load() == queued {
					s.unstarted(h, t.Err())
				} else if u := h.until.Load(); connected && (u == 0 || now.UnixNano() < u) {
					_ = h.msg.InProgress()
				}
			}
		}
	}
}
