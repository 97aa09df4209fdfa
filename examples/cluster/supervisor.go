package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/heddle-go/heddle/scheduler/schednats"
)

// A supervisor starts the other processes, does to them what the flags ask for, and shows how far
// the jobs have got. It takes no part in the work: jobs and results pass between the others.
type supervisor struct {
	c      *config
	screen *screen
	server *process // nil with -url
	coord  *process
	queue  *schednats.Queue[tile, []byte]

	mu      sync.Mutex
	workers []*worker // the present ones
	gone    tally     // what the former ones said last
	most    tally     // the most jobs held, and the most memory, of any worker
	report  []string  // the coordinator's output
	thaws   sync.WaitGroup
}

type worker struct {
	*process
	last tally // under supervisor.mu
}

// supervise is the program without -role.
func supervise(ctx context.Context, c *config, out io.Writer) (err error) {
	s := &supervisor{c: c, screen: newScreen(out)}
	begin := time.Now()
	c.queue = fmt.Sprintf("mandelbrot-%d-%d", os.Getpid(), begin.UnixNano())
	stop, err := s.ownServer()
	if err != nil {
		return err
	}
	defer stop()
	nc, js, err := c.connect("supervisor")
	if err != nil {
		return err
	}
	defer nc.Close()
	if s.queue, err = schednats.Create[tile, []byte](ctx, js, c.queueConfig()); err != nil {
		return err
	}
	defer func() {
		// An election, if a leader has just died, takes up to ten seconds.
		clean, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if e := s.queue.Delete(clean); err == nil {
			err = e
		}
	}()
	events := s.plan()
	c.hold = len(events) > 0
	s.screen.line("server %s; %d worker processes, %d jobs",
		redacted(c.url), c.workers, c.jobs+c.poison)
	if s.coord, err = start(c, "coordinator", s.said); err != nil {
		return err
	}
	defer func() { s.coord.kill() }()
	defer func() {
		for _, w := range s.workers { // none is left unless something failed
			w.kill()
		}
	}()
	for range c.workers {
		if err := s.startWorker(); err != nil {
			return err
		}
	}
	if err := s.watch(ctx, events); err != nil {
		return err
	}
	return s.finish(time.Since(begin))
}

// ownServer starts a server with a store in a temporary folder, unless -url names one. stop ends it
// and removes its store.
func (s *supervisor) ownServer() (stop func(), err error) {
	if s.c.url != "" {
		return func() {}, nil
	}
	if s.c.store, err = os.MkdirTemp("", "heddle-cluster-"); err != nil {
		return nil, err
	}
	stop = func() {
		if s.server != nil {
			_ = s.server.stop()
		}
		_ = os.RemoveAll(s.c.store)
	}
	if err := s.startServer(); err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

// startServer starts the server and waits until it can be used.
func (s *supervisor) startServer() error {
	ready := make(chan string, 1)
	p, err := start(s.c, "server", func(line string) {
		select {
		case ready <- line:
		default:
		}
	})
	if err != nil {
		return err
	}
	s.server = p
	select {
	case s.c.url = <-ready:
	case <-p.ended:
		return fmt.Errorf("the server did not start: %w", errors.Join(p.err, errors.New("it ended")))
	}
	u, err := url.Parse(s.c.url)
	if err == nil {
		s.c.port, err = strconv.Atoi(u.Port()) // where it starts again
	}
	return err
}

func (s *supervisor) startWorker() error {
	w := new(worker)
	p, err := start(s.c, "worker", func(line string) {
		var t tally
		if json.Unmarshal([]byte(line), &t) == nil {
			s.mu.Lock()
			w.last = t
			s.most.Held = max(s.most.Held, t.Held)
			s.most.Memory = max(s.most.Memory, t.Memory)
			s.mu.Unlock()
		}
	})
	if err != nil {
		return err
	}
	w.process = p
	s.mu.Lock()
	s.workers = append(s.workers, w)
	s.mu.Unlock()
	return nil
}

// said keeps the coordinator's report until the workers have ended.
func (s *supervisor) said(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report = append(s.report, line)
}

// An event is something that the flags ask for, at a number of outcomes.
type event struct {
	at uint64
	do func() error
}

// plan spreads the events evenly over the run, in a random order.
func (s *supervisor) plan() []event {
	var do []func() error
	for range s.c.kill {
		do = append(do, s.killWorker)
	}
	for range s.c.freeze {
		do = append(do, s.freezeWorker)
	}
	if s.c.restartServer {
		do = append(do, s.restartServer)
	}
	if s.c.restartCoordinator {
		do = append(do, s.restartCoordinator)
	}
	for _, f := range s.c.further {
		do = append(do, func() error { return f(s) })
	}
	rand.Shuffle(len(do), func(i, j int) { do[i], do[j] = do[j], do[i] })
	events := make([]event, len(do))
	for i, f := range do {
		events[i] = event{uint64(s.c.jobs) * uint64(i+1) / uint64(len(do)+1), f}
	}
	return events
}

// watch shows the progress and runs the events until the coordinator ends. The coordinator keeps
// the last job back until it hears that all events have happened.
func (s *supervisor) watch(ctx context.Context, events []event) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var before schednats.Backlog
	last, rate := time.Now(), 0.0
	for {
		select {
		case <-ctx.Done():
			s.stopWorkers()
			return errors.New("interrupted")
		case <-s.coord.ended:
			return nil
		case <-tick.C:
		}
		ask, cancel := context.WithTimeout(ctx, time.Second)
		b, err := s.queue.Backlog(ask)
		cancel()
		if err != nil {
			s.screen.progress("no server: " + err.Error())
			continue
		}
		if now := time.Now(); now.Sub(last) >= time.Second/2 {
			rate = float64(b.Outcomes-before.Outcomes) / now.Sub(last).Seconds()
			before, last = b, now
		}
		s.screen.progress(s.status(b, rate))
		for len(events) > 0 && b.Outcomes >= events[0].at {
			if err := events[0].do(); err != nil {
				return err
			}
			if events = events[1:]; len(events) == 0 {
				_, _ = s.coord.stdin.Write([]byte{'\n'}) // fails only if it has ended
			}
		}
		for _, w := range s.present() {
			select {
			case <-w.ended:
				return fmt.Errorf("worker %d ended by itself: %w",
					w.pid(), errors.Join(w.err, errors.New("no reason given")))
			default:
			}
		}
	}
}

func (s *supervisor) status(b schednats.Backlog, rate float64) string {
	total := uint64(s.c.jobs + s.c.poison)
	var each []string
	s.mu.Lock()
	redelivered := s.gone.Redelivered
	for _, w := range s.workers {
		redelivered += w.last.Redelivered
		each = append(each, fmt.Sprint(w.last.Executed))
	}
	s.mu.Unlock()
	return fmt.Sprintf("%3d %%  %d/%d  %.0f jobs/s  by worker %s  in flight %d  redelivered %d",
		100*b.Outcomes/total, b.Outcomes, total, rate, strings.Join(each, " "), b.InFlight, redelivered)
}

func (s *supervisor) present() []*worker {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*worker(nil), s.workers...)
}

func (s *supervisor) killWorker() error {
	s.mu.Lock()
	i := rand.IntN(len(s.workers))
	w := s.workers[i]
	s.workers = append(s.workers[:i], s.workers[i+1:]...)
	s.mu.Unlock()
	w.kill()
	s.leave(w)
	s.screen.line("killed worker %d, started another", w.pid())
	return s.startWorker()
}

// leave adds what a worker that has ended said last.
func (s *supervisor) leave(w *worker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone.Executed += w.last.Executed
	s.gone.Recorded += w.last.Recorded
	s.gone.Refused += w.last.Refused
	s.gone.Redelivered += w.last.Redelivered
	s.gone.HandedBack += w.last.HandedBack
	s.gone.Dead += w.last.Dead
}

// freezeWorker stops a worker for one and a half times AckWait, so that its jobs are delivered to
// others and are executed twice.
func (s *supervisor) freezeWorker() error {
	ws := s.present()
	w := ws[rand.IntN(len(ws))]
	w.signal(syscall.SIGSTOP)
	d := s.c.ackWait * 3 / 2
	s.screen.line("froze worker %d for %v", w.pid(), d)
	s.thaws.Add(1)
	time.AfterFunc(d, func() {
		defer s.thaws.Done()
		w.signal(syscall.SIGCONT)
	})
	return nil
}

func (s *supervisor) restartServer() error {
	s.server.kill()
	s.screen.line("killed the server, started it again")
	return s.startServer()
}

func (s *supervisor) restartCoordinator() error {
	s.coord.kill()
	s.mu.Lock()
	s.report = nil
	s.mu.Unlock()
	p, err := start(s.c, "coordinator", s.said)
	if err != nil {
		return err
	}
	s.coord = p
	s.screen.line("killed the coordinator, started it again")
	return nil
}

// stopWorkers drains the workers. It closes their standard input, because SIGTERM would kill a
// worker that has just been started.
func (s *supervisor) stopWorkers() error {
	s.thaws.Wait()
	var errs []error
	ws := s.present()
	for _, w := range ws {
		_ = w.stdin.Close()
	}
	for _, w := range ws {
		<-w.ended
		if w.err != nil {
			errs = append(errs, fmt.Errorf("worker %d: %w", w.pid(), w.err))
		}
		s.leave(w)
	}
	s.mu.Lock()
	s.workers = nil
	s.mu.Unlock()
	return errors.Join(errs...)
}

// finish prints the report when the coordinator has ended.
func (s *supervisor) finish(took time.Duration) error {
	err := s.stopWorkers()
	for _, line := range s.report {
		s.screen.line("%s", line)
	}
	s.screen.line("%d handler calls were counted, %d outcomes recorded, %d second ones refused, "+
		"%d jobs delivered again; %.1f s in all",
		s.gone.Executed, s.gone.Recorded, s.gone.Refused, s.gone.Redelivered, took.Seconds())
	s.screen.line("a worker held at most %d jobs at a time, and %d MB of memory",
		s.most.Held, s.most.Memory>>20)
	if s.coord.err != nil {
		return fmt.Errorf("coordinator: %w", s.coord.err)
	}
	return err
}
