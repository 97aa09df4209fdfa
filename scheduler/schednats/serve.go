package schednats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrDropped is the cause with which the tasks of a dropped batch are cancelled: see [Queue.Drop].
var ErrDropped = errors.New("schednats: batch dropped")

// ErrDrain is the cause with which tasks are cancelled that have not ended within
// Options.DrainTimeout.
var ErrDrain = errors.New("schednats: drain timeout")

// MaxPrefetch is the largest Options.Prefetch.
const MaxPrefetch = 1 << 16

// Options are the options of [Queue.Serve]. The zero value works well.
type Options struct {
	// Prefetch bounds the jobs that Serve holds, queued, running or waiting to be recorded: 1 to
	// MaxPrefetch. Give the scheduler the same number in scheduler.WithQueueLimit, with the policy
	// scheduler.Block, so that one number bounds the process. The default is 4 for each worker of
	// the scheduler. More hides a longer way to the server; less spreads a small backlog better.
	Prefetch int
	// MaxDeliver is how many times a job is delivered before it becomes a dead letter, at least 1.
	// Every delivery counts, also one to a process that died, or that handed the job back because
	// it drained or its pool was full. The default is 5.
	MaxDeliver int
	// Backoff is how long a job waits on the server after its delivery number n, from 1, failed.
	// The default is 100 ms, doubled for each delivery, up to 10 s.
	Backoff func(n int) time.Duration
	// Timeout cancels the task of a job with the cause [context.DeadlineExceeded] this long after
	// its handler was called. 0, the default, means never. The server gets no signs of life any more
	// when another Config.AckWait is over, so the job is delivered again even if its handler hangs.
	Timeout time.Duration
	// DrainTimeout bounds how long Serve goes on after its context has ended. The default is 30 s.
	DrainTimeout time.Duration
	// OnError is told about failures that Serve goes on after: of the connection, the server, a
	// handler. It is called on several goroutines and by tasks, and must not block. The default
	// logs them with slog.
	OnError func(err error)
	// Counters, if not nil, counts what Serve does.
	Counters *Counters
}

// Counters count what happens to jobs in Serve. Any goroutine may read them at any time.
type Counters struct {
	Delivered   atomic.Int64 // jobs that came
	Redelivered atomic.Int64 // of those, not for the first time
	Executed    atomic.Int64 // handler calls that ended, in whatever way
	Recorded    atomic.Int64 // outcomes recorded
	// Refused counts outcomes that were refused because there was one already. A process's own
	// outcome is counted here if the server's confirmation was lost and Serve had to ask again.
	Refused    atomic.Int64
	Failed     atomic.Int64 // handler calls that failed, and were handed back with a back-off
	Dead       atomic.Int64 // dead letters
	Dropped    atomic.Int64 // jobs of dropped batches
	HandedBack atomic.Int64 // jobs handed back before they began
	Held       atomic.Int64 // jobs held now
}

func (o *Options) check(sched *scheduler.Scheduler) error {
	if o.Prefetch == 0 {
		o.Prefetch = min(4*sched.Workers(), MaxPrefetch)
	}
	if o.MaxDeliver == 0 {
		o.MaxDeliver = 5
	}
	if o.Backoff == nil {
		o.Backoff = func(n int) time.Duration {
			return doubled(100*time.Millisecond, 10*time.Second, n)
		}
	}
	if o.DrainTimeout == 0 {
		o.DrainTimeout = 30 * time.Second
	}
	if o.OnError == nil {
		o.OnError = func(err error) { slog.Warn("schednats", "err", err) }
	}
	if o.Counters == nil {
		o.Counters = new(Counters)
	}
	switch {
	case o.Prefetch < 1 || o.Prefetch > MaxPrefetch:
		return fmt.Errorf("schednats: Options.Prefetch is %d, want 1 to %d", o.Prefetch, MaxPrefetch)
	case o.MaxDeliver < 1:
		return fmt.Errorf("schednats: Options.MaxDeliver is %d, want at least 1", o.MaxDeliver)
	case o.Timeout < 0:
		return fmt.Errorf("schednats: Options.Timeout is %v, want at least 0", o.Timeout)
	case o.DrainTimeout < 0:
		return fmt.Errorf("schednats: Options.DrainTimeout is %v, want at least 0", o.DrainTimeout)
	}
	return nil
}

// doubled returns base, doubled for each n after the first, and at most top.
func doubled(base, top time.Duration, n int) time.Duration {
	for ; n > 1 && base < top; n-- {
		base *= 2
	}
	return min(base, top)
}

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

	// cancel cancels the task, also while its submission waits for room in the pool. It is set before
	// other goroutines can find the job, and nil if there is no task.
	cancel context.CancelCauseFunc

	task    task.Task // written once by the fetching goroutine, under server.mu
	dropped bool      // under server.mu

	// What to record. The task or the fetching goroutine writes them before it sends the job to
	// the recorder, which owns them afterwards.
	data   []byte
	reason error // not nil: a dead letter
}

// A server is one call of Serve.
type server[J, R any] struct {
	q       *Queue[J, R]
	sched   *scheduler.Scheduler
	handler func(c *task.Ctx, j Job[J]) (R, error)
	opts    Options
	n       *Counters

	mu    sync.Mutex
	held  map[*held]struct{}
	drops map[string]uint64 // the last sequence in the job stream of dropped batches

	room chan struct{} // capacity 1: a job was released
	done chan *held    // capacity Prefetch, so a send never waits: jobs to record

	life context.Context // ends when the keeper and the recorder should end
}

// Serve runs the queue's jobs as tasks of sched, until ctx ends, and records their results. It
// blocks the calling goroutine; it must not be called by a task of sched. Any number of processes
// may serve a queue, and each job goes to one of them at a time.
//
// The handler runs in a task. Its Ctx is cancelled at the job's deadline, after Options.Timeout,
// and when the batch is dropped. If it returns an error or panics, the job is delivered again
// later, and after Options.MaxDeliver deliveries it becomes a dead letter, at once if the error
// wraps [ErrDead].
//
// When ctx ends, Serve drains: it hands back the jobs that have not begun, finishes the others,
// records their results, and returns nil. Jobs that it cannot finish within Options.DrainTimeout
// are cancelled with [ErrDrain] and handed back, and Serve returns an error that says how many.
// Their handlers may still run then, and what they return is dropped. Serve also returns an error
// if an option or an argument is wrong, if sched is closed ([task.ErrClosed]), or if the connection
// is closed for good. It goes on through everything else, with a back-off, and tells
// Options.OnError.
func (q *Queue[J, R]) Serve(ctx context.Context, sched *scheduler.Scheduler,
	handler func(c *task.Ctx, j Job[J]) (R, error), opts Options) error {
	if sched == nil || handler == nil {
		return errors.New("schednats: Serve needs a scheduler and a handler, got nil")
	}
	if err := opts.check(sched); err != nil {
		return err
	}
	s := &server[J, R]{
		q: q, sched: sched, handler: handler, opts: opts, n: opts.Counters,
		held:  map[*held]struct{}{},
		drops: map[string]uint64{},
		room:  make(chan struct{}, 1),
		done:  make(chan *held, opts.Prefetch),
	}
	life, die := context.WithCancel(context.Background())
	defer die()
	s.life = life
	sub, err := q.js.Conn().Subscribe(q.dropSubject(), func(m *nats.Msg) { s.drop(m.Data) })
	if err != nil {
		return fmt.Errorf("schednats: serve %s: %w", q.name, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	var wg sync.WaitGroup
	wg.Go(s.keep)
	wg.Go(s.record)
	// The fetching goroutine may wait in Go for room in a full pool. Handing its job back wakes it.
	release := context.AfterFunc(ctx, s.handBackQueued)
	err = s.fetch(ctx)
	release()
	left := s.drain()
	die()
	wg.Wait()
	for h := range left {
		_ = h.msg.Nak() // if it gets lost, the job comes again after AckWait
	}
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%w: %d jobs handed back unfinished", ErrDrain, len(left))
	}
	// The last acknowledgements are on their way; without a connection they are lost, and the
	// jobs come again.
	flush, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = q.js.Conn().FlushWithContext(flush)
	return err
}

const (
	// fetchWait is how long one pull request stays open. A process that drains waits up to this
	// long for jobs that are on their way, so that it can hand them back.
	fetchWait = time.Second
	// fetchMost bounds the jobs that one pull request asks for.
	fetchMost = 1024
	// maxDrops bounds the dropped batches that a process remembers.
	maxDrops = 1024
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
		// The pool is full. The server would send the job again at once, which would be a busy loop.
		s.handBack(h, s.opts.Backoff(h.delivery))
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

// handBackQueued hands back all jobs that have not begun.
func (s *server[J, R]) handBackQueued() {
	for _, h := range s.all() {
		s.handBack(h, 0)
	}
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

// drop cancels the jobs of a batch, and remembers it for those that are on their way.
func (s *server[J, R]) drop(message []byte) {
	batch, last, err := parseDrop(message)
	if err != nil {
		s.opts.OnError(err)
		return
	}
	var hs []*held
	s.mu.Lock()
	if len(s.drops) >= maxDrops {
		clear(s.drops) // jobs of these batches have arrived long ago
	}
	s.drops[batch] = max(last, s.drops[batch])
	for h := range s.held {
		if h.batch == batch && h.seq <= last {
			h.dropped = true
			hs = append(hs, h)
		}
	}
	s.mu.Unlock()
	for _, h := range hs {
		s.dropOne(h)
	}
}

// dropOne cancels a job of a dropped batch, and settles it if it has not begun.
func (s *server[J, R]) dropOne(h *held) {
	if h.state.CompareAndSwap(queued, settled) {
		s.n.Dropped.Add(1)
		_ = h.msg.Ack() // its message is gone from the server already
		s.release(h)
	}
	if h.cancel != nil {
		h.cancel(ErrDropped)
	}
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
