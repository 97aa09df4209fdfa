package schednats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/heddle-go/heddle/task"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// fetchWait is how long one pull request stays open. A process that drains waits up to this
	// long for jobs that are on their way, so that it can hand them back.
	fetchWait = time.Second
	// fetchMost bounds the jobs that one pull request asks for.
	fetchMost = 1024
)

// fetch takes jobs and starts their tasks until ctx ends, or until nothing can be started any more.
func (s *server[J, R]) fetch(ctx context.Context) error {
	fails := 0
	for {
		s.awaitConnection(ctx)
		n := s.awaitRoom(ctx)
		if n == 0 {
			return nil
		}
		batch, err := s.q.cons.Fetch(min(n, fetchMost), jetstream.FetchMaxWait(fetchWait))
		if err == nil {
			var fatal error
			for m := range batch.Messages() {
				if ctx.Err() != nil || fatal != nil {
					s.n.HandedBack.Add(1)
					_ = m.Nak()
				} else {
					fatal = s.accept(ctx, m)
				}
			}
			if fatal != nil {
				return fatal
			}
			err = batch.Error()
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case s.q.js.Conn().IsClosed():
			return fmt.Errorf("schednats: serve %s: %w", s.q.name, nats.ErrConnectionClosed)
		case err == nil:
			fails = 0
			continue
		}
		fails++
		s.opts.OnError(fmt.Errorf("schednats: fetch from %s: %w", s.q.name, err))
		// awaitRoom sees ctx's end.
		_ = pause(ctx, doubled(100*time.Millisecond, 2*time.Second, fails))
	}
}

// awaitConnection waits until there is a connection, it is closed for good, or ctx ends. A request
// that is sent without one is stored by the client and is of no use when the server is back.
func (s *server[J, R]) awaitConnection(ctx context.Context) {
	for nc := s.q.js.Conn(); !nc.IsConnected() && !nc.IsClosed(); {
		if pause(ctx, 100*time.Millisecond) != nil {
			return
		}
	}
}

// awaitRoom waits until a quarter of the prefetch is free, so that a pull request is worth its way,
// and returns how much is free. It returns 0 when ctx has ended.
func (s *server[J, R]) awaitRoom(ctx context.Context) int {
	for {
		if ctx.Err() != nil {
			return 0
		}
		s.mu.Lock()
		free := s.opts.Prefetch - len(s.held)
		s.mu.Unlock()
		if free >= max(1, s.opts.Prefetch/4) {
			return free
		}
		select {
		case <-s.room:
		case <-ctx.Done():
		}
	}
}

// accept starts the task of one job. It returns an error if the scheduler is closed.
func (s *server[J, R]) accept(ctx context.Context, m jetstream.Msg) error {
	h := &held{msg: m}
	s.n.Delivered.Add(1)
	meta, err := m.Metadata()
	if err != nil {
		s.opts.OnError(fmt.Errorf("schednats: message without metadata: %w", err))
		_ = m.Term()
		return nil
	}
	h.delivery, h.seq = int(meta.NumDelivered), meta.Sequence.Stream
	if h.delivery > 1 {
		s.n.Redelivered.Add(1)
	}
	j, opts, err := s.decode(h)
	if err == nil && h.delivery > s.opts.MaxDeliver {
		err = fmt.Errorf("delivered %d times without an outcome", h.delivery-1)
	}
	if err != nil {
		h.state.Store(running)
		s.hold(h)
		s.bury(h, err)
		return nil
	}
	under, cancel := context.WithCancelCause(context.Background())
	h.cancel = cancel
	if s.hold(h) {
		s.dropOne(h)
		return nil
	}
	if ctx.Err() != nil { // handBackQueued, which ctx's end calls, may have missed h
		s.handBack(h, 0)
		return nil
	}
	t := s.sched.Go(func(c *task.Ctx) { s.run(c, h, j) }, append(opts, task.Parent(under))...)
	s.mu.Lock()
	h.task = t
	s.mu.Unlock()
	if t.State() == task.Done && h.state.Load() == queued {
		err := t.Err()
		s.unstarted(h, err)
		if errors.Is(err, task.ErrClosed) {
			return fmt.Errorf("schednats: serve %s: %w", s.q.name, err)
		}
	}
	return nil
}

// decode reads the job in h, and sets h's names and times.
func (s *server[J, R]) decode(h *held) (j Job[J], opts []task.Option, err error) {
	if h.batch, h.id, err = s.q.parseJob(h.msg.Subject()); err != nil {
		h.batch, h.id = "garbage", fmt.Sprint(h.seq)
		return j, nil, err
	}
	head := h.msg.Headers()
	j = Job[J]{Batch: h.batch, ID: h.id, Header: head, Delivery: h.delivery}
	switch p := head.Get(headerPriority); p {
	case "":
		// Normal needs no option, which would allocate.
	case "high":
		j.Priority = task.High
	case "low":
		j.Priority = task.Low
	default:
		return j, nil, fmt.Errorf("header %s is %.100q, want low or high", headerPriority, p)
	}
	if j.Priority != task.Normal {
		opts = append(opts, task.Priority(j.Priority))
	}
	if d := head.Get(headerDeadline); d != "" {
		if j.Deadline, err = time.Parse(time.RFC3339Nano, d); err != nil {
			return j, nil, fmt.Errorf("header %s: %w", headerDeadline, err)
		}
		h.deadline = j.Deadline
		h.until.Store(j.Deadline.Add(s.q.ackWait).UnixNano())
		opts = append(opts, task.Deadline(j.Deadline))
	}
	if err = s.q.codec.Decode(h.msg.Data(), &j.Value); err != nil {
		return j, nil, fmt.Errorf("decode job: %w", err)
	}
	return j, opts, nil
}
