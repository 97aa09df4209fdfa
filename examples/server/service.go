package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	uatomic "go.uber.org/atomic"
)

// A backend computes the answers.
type backend interface {
	// do computes the answer to one request. The error is errShed if the backend is too busy, or
	// the cause of ctx if ctx ends first.
	do(ctx context.Context, payload []byte, urgent bool) (digest, error)
	// close ends the backend. It must be called when no request is in the backend any more.
	close(ctx context.Context) error
	// left describes what is left of a closed backend.
	left() (string, error)
}

var errShed = errors.New("too busy")

type digest = [sha256.Size]byte

// A job is the work of one request.
type job struct {
	rounds          int
	begun, returned *atomic.Int64
}

// newJob makes a job that takes one processor for about the given time.
func newJob(work time.Duration) job {
	j := job{1 << 30, new(atomic.Int64), new(atomic.Int64)}
	// best is the number of rounds in a nanosecond in the best of several runs. The best counts,
	// because other programs may use the processor too.
	best := 0.0
	for range 10 {
		rounds := 0
		start := time.Now()
		_, _ = j.run(make([]byte, payloadSize), func() bool { // the error says only: stopped
			rounds++
			return rounds%64 == 0 && time.Since(start) > 3*time.Millisecond
		})
		best = max(best, float64(rounds)/float64(time.Since(start)))
	}
	j.rounds = max(1, int(best*float64(work)))
	return j
}

var errStopped = errors.New("stopped")

// run hashes payload again and again. After each round it calls stop, and fails if stop returns
// true.
func (j job) run(payload []byte, stop func() bool) (sum digest, err error) {
	j.begun.Add(1)
	defer j.returned.Add(1)
	h := sha256.New()
	for range j.rounds {
		h.Reset()
		h.Write(sum[:])
		h.Write(payload)
		h.Sum(sum[:0])
		if stop() {
			return sum, errStopped
		}
	}
	return sum, nil
}

// A service is the HTTP server around a backend. It counts the requests it has received and its
// answers by kind.
type service struct {
	backend  backend
	deadline time.Duration
	url      string
	server   http.Server
	served   chan error

	received, answered, shed, late, gone atomic.Int64

	lastErr uatomic.Error // of the last request that was not answered
}

// serve starts a service on a free port of the loopback interface.
func serve(b backend, deadline time.Duration) (*service, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &service{backend: b, deadline: deadline, url: "http://" + l.Addr().String() + "/hash", served: make(chan error, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /hash", s.hash)
	s.server.Handler = mux
	go func() { s.served <- s.server.Serve(l) }()
	return s, nil
}

// maxBody is the largest body of a request, in bytes.
const maxBody = 1 << 20

func (s *service) hash(w http.ResponseWriter, r *http.Request) {
	s.received.Add(1)
	// The context is derived from the request's own, which ends when the client goes away.
	ctx, cancel := context.WithTimeout(r.Context(), s.deadline)
	defer cancel()
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		s.lastErr.Store(err)
		s.gone.Add(1)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	sum, err := s.backend.do(ctx, payload, r.Header.Get("Urgent") != "")
	if err != nil {
		s.lastErr.Store(err)
	}
	switch {
	case err == nil:
		s.answered.Add(1)
		_, _ = io.WriteString(w, hex.EncodeToString(sum[:])) // the client counts what it gets
	case errors.Is(err, errShed):
		s.shed.Add(1)
		w.Header().Set("Retry-After", "1")
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	case errors.Is(err, context.DeadlineExceeded):
		s.late.Add(1)
		http.Error(w, "too late", http.StatusGatewayTimeout)
	default:
		s.gone.Add(1) // the client has gone away
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}

// stop refuses new connections, lets the handlers finish, and then closes the backend.
func (s *service) stop(ctx context.Context) error {
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.server.Close())
	}
	if e := <-s.served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return errors.Join(err, s.backend.close(ctx))
}
