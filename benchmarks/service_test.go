package benchmarks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

const (
	serviceWork     = 200 * time.Microsecond // processor time of each request
	serviceDeadline = 50 * time.Millisecond
	serviceClients  = 16                     // clients of the closed loop
	serviceRound    = 300 * time.Millisecond // how long each side is under load in a round
	serviceQueue    = 32                     // under overload, how many requests wait at most for each worker
	serviceConns    = 256                    // of a client; waiting for one counts as latency
)

// BenchmarkService sends requests to an HTTP service on the loopback interface. Each request asks
// for 200 us of work and has a deadline of 50 ms. The clients are in the same process and run on
// the same Ps.
//
// load=closed: each of 16 clients sends the next request as soon as it has an answer. ns/op is the
// time of the round divided by the number of answers.
//
// load=25, 50, 90: requests are due at fixed times, at that many per cent of the rate that
// goroutines reached in a closed loop in the same process. p50 and p99 run from the time when a
// request was due until its answer. p10-of-each-ns and so on are points of the distribution for
// each side. cpu is the processor time of the process for each request. ns/op is the mean latency.
//
// load=150: the same above the capacity, with a bounded queue. ns/op is the time of the round
// divided by the number of answers that came within the deadline. p99 is over these answers. cpu is
// the processor time for each of these answers, and includes the cost of all other requests. The
// baseline is the side with the most such answers.
//
// Heddle submits a task under the request's context and waits for it. The baselines compute on the
// handler's own goroutine (each), on the same behind a semaphore of GOMAXPROCS places, and on a
// pool of GOMAXPROCS goroutines that take requests from a channel. Under overload the semaphore and
// the pool bound the waiting requests as heddle does.
func BenchmarkService(b *testing.B) {
	for _, load := range []string{"closed", "25", "50", "90", "150"} {
		run(b, heddle, func(b *testing.B, workers int) { service(b, workers, load) }, key("load", load), "against=each+semaphore+pool")
	}
}

func service(b *testing.B, workers int, load string) {
	w := newServiceWork()
	capacity := serviceCapacity(b, workers, w)
	limit := 0
	if load == "150" {
		limit = serviceQueue * workers
	}
	var sides []side
	for _, m := range []struct {
		name string
		make func(b *testing.B, workers, limit int, w serviceJob) servicePlace
	}{{heddle, placeHeddle}, {"each", placeEach}, {"semaphore", placeSemaphore}, {"pool", placePool}} {
		s := newServer(b, m.make(b, workers, limit, w), w)
		sides = append(sides, side{m.name, func() measures {
			if load == "closed" {
				return s.closedLoop(b, capacity)
			}
			var percent float64
			if _, err := fmt.Sscan(load, &percent); err != nil {
				b.Fatal(err)
			}
			return s.openLoop(b, capacity*percent/100, limit > 0)
		}})
	}
	leading := "" // compare each measure with the baseline that is best in it
	if limit > 0 {
		// A side that answers few requests has good values in the other measures, so they do not
		// choose their own baseline.
		leading = measureTime
	}
	versusBy(b, leading, sides[0], sides[1:]...)
}

// servicePercents are the points of the distribution of latencies, in per cent of the requests.
var servicePercents = []int{10, 25, 50, 75, 90, 95, 99}

// A serviceJob is the work of one request: a chain of hashes of fixed length, with a known last
// hash.
type serviceJob struct {
	rounds int
	answer string
}

// serviceCheck is the number of hashes between two looks at the deadline, about 5 us.
const serviceCheck = 64

var errGivenUp = errors.New("given up")

// run computes the answer. It returns errGivenUp if stop returns true.
func (j serviceJob) run(stop func() bool) (string, error) {
	var h [sha256.Size]byte
	for i := range j.rounds {
		h = sha256.Sum256(h[:])
		if i%serviceCheck == 0 && stop() {
			return "", errGivenUp
		}
	}
	return hex.EncodeToString(h[:]), nil
}

// newServiceWork measures, once, how many hashes take serviceWork.
var newServiceWork = sync.OnceValue(func() serviceJob {
	never := func() bool { return false }
	j := serviceJob{rounds: 1000}
	least := time.Hour // the shortest time counts, because the machine may be busy otherwise
	for range 50 {
		start := time.Now()
		_, _ = j.run(never)
		least = min(least, time.Since(start))
	}
	j.rounds = max(1, int(float64(j.rounds)*float64(serviceWork)/float64(least)))
	j.answer, _ = j.run(never)
	return j
})

var serviceCapacities = map[int]float64{}

// serviceCapacity returns how many requests a second goroutines answer with that many Ps. It
// measures each value once in a process.
func serviceCapacity(b *testing.B, workers int, w serviceJob) float64 {
	if c := serviceCapacities[workers]; c != 0 {
		return c
	}
	s := newServer(b, placeSemaphore(b, workers, 0, w), w)
	guess := 0.5 * float64(workers) * float64(time.Second/serviceWork)
	s.closedLoop(b, guess/4)
	c := float64(time.Second) / s.closedLoop(b, guess)[measureTime]
	serviceCapacities[workers] = c
	return c
}

// A servicePlace computes the answer to a request. It returns errShed if too many requests wait,
// and another error if ctx ends.
type servicePlace func(ctx context.Context) (string, error)

var errShed = errors.New("too busy")

func placeHeddle(b *testing.B, workers, limit int, w serviceJob) servicePlace {
	var opts []scheduler.Option
	if limit > 0 {
		opts = append(opts, scheduler.WithQueueLimit(limit, scheduler.Reject))
	}
	s := newScheduler(b, workers, opts...)
	return func(ctx context.Context) (string, error) {
		f := task.Submit(s, func(c *task.Ctx) (string, error) { return w.run(c.Cancelled) }, task.Parent(ctx))
		answer, err := f.WaitContext(ctx)
		if errors.Is(err, task.ErrQueueFull) {
			err = errShed
		}
		return answer, err
	}
}

func placeEach(_ *testing.B, _, _ int, w serviceJob) servicePlace {
	return func(ctx context.Context) (string, error) { return w.run(ended(ctx)) }
}

func ended(ctx context.Context) func() bool { return func() bool { return ctx.Err() != nil } }

func placeSemaphore(_ *testing.B, workers, limit int, w serviceJob) servicePlace {
	places := make(chan struct{}, workers)
	var inside chan struct{}
	if limit > 0 {
		inside = make(chan struct{}, workers+limit)
	}
	return func(ctx context.Context) (string, error) {
		if inside != nil {
			select {
			case inside <- struct{}{}:
				defer func() { <-inside }()
			default:
				return "", errShed
			}
		}
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
		case <-ctx.Done():
			return "", ctx.Err()
		}
		return w.run(ended(ctx))
	}
}

func placePool(b *testing.B, workers, limit int, w serviceJob) servicePlace {
	queue := limit
	if limit == 0 {
		queue = 1 << 16
	}
	p := newPool(workers, queue)
	b.Cleanup(p.stop)
	type result struct {
		answer string
		err    error
	}
	return func(ctx context.Context) (string, error) {
		done := make(chan result, 1)
		if !p.trySubmit(func() {
			answer, err := w.run(ended(ctx))
			done <- result{answer, err}
		}) {
			return "", errShed
		}
		select {
		case r := <-done:
			return r.answer, r.err
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// A server is a listening service with its client.
type server struct {
	url    string
	client *http.Client
	job    serviceJob
}

// newServer starts a service, which stops at the end of the benchmark.
func newServer(b *testing.B, place servicePlace, w serviceJob) *server {
	h := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), serviceDeadline)
		defer cancel()
		switch answer, err := place(ctx); {
		case err == nil:
			_, _ = io.WriteString(rw, answer) // the client checks what it gets
		case errors.Is(err, errShed):
			http.Error(rw, err.Error(), http.StatusServiceUnavailable)
		default:
			http.Error(rw, err.Error(), http.StatusGatewayTimeout)
		}
	}))
	t := &http.Transport{MaxConnsPerHost: serviceConns, MaxIdleConnsPerHost: serviceConns}
	b.Cleanup(func() {
		t.CloseIdleConnections()
		h.Close()
	})
	return &server{h.URL, &http.Client{Transport: t}, w}
}

// ask sends one request and returns the status of its answer.
func (s *server) ask(b *testing.B) int {
	resp, err := s.client.Get(s.url)
	if err != nil {
		b.Error(err)
		return 0
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		b.Error(err)
	case resp.StatusCode == http.StatusOK:
		want(b, "answer", string(body), s.job.answer)
	case resp.StatusCode != http.StatusServiceUnavailable && resp.StatusCode != http.StatusGatewayTimeout:
		b.Errorf("a status that no handler sets: %s", resp.Status)
	}
	return resp.StatusCode
}

// closedLoop lets the clients send requests, as many as one round should need at the given rate per
// second.
func (s *server) closedLoop(b *testing.B, rate float64) measures {
	n := int64(max(serviceClients, rate*serviceRound.Seconds()))
	var sent, answered atomic.Int64
	var wg sync.WaitGroup
	start, cpu := time.Now(), processorTime()
	for range serviceClients {
		wg.Go(func() {
			for sent.Add(1) <= n {
				if s.ask(b) == http.StatusOK {
					answered.Add(1)
				}
			}
		})
	}
	wg.Wait()
	each := float64(max(1, answered.Load()))
	return measures{measureTime: float64(time.Since(start)) / each, "cpu": (processorTime() - cpu) / each}
}

// openLoop sends requests at the given rate per second, whether or not earlier ones have been
// answered. If over is set, the load is above the capacity, and only answers within the deadline
// count.
func (s *server) openLoop(b *testing.B, rate float64, over bool) measures {
	n := int(max(1, rate*serviceRound.Seconds()))
	interval := time.Duration(float64(time.Second) / rate)
	took, status := make(latencies, n), make([]int, n)
	var wg sync.WaitGroup
	start, cpu := time.Now(), processorTime()
	for i := range n {
		due := start.Add(time.Duration(i) * interval)
		time.Sleep(time.Until(due))
		wg.Go(func() {
			status[i] = s.ask(b)
			took[i] = time.Since(due)
		})
	}
	wg.Wait()
	length, used := float64(time.Since(start)), processorTime()-cpu
	if over {
		var intime latencies
		for i, d := range took {
			if status[i] == http.StatusOK && d <= serviceDeadline {
				intime = append(intime, d)
			}
		}
		each := float64(max(1, len(intime)))
		return measures{measureTime: length / each, "p99": float64(intime.quantile(0.99)), "cpu": used / each}
	}
	var sum time.Duration
	for _, d := range took {
		sum += d
	}
	m := measures{
		measureTime: float64(sum) / float64(n), "cpu": used / float64(n),
		"p50": float64(took.quantile(0.5)), "p99": float64(took.quantile(0.99)),
	}
	for _, percent := range servicePercents {
		m[fmt.Sprintf("%sp%d", curvePrefix, percent)] = float64(took.quantile(float64(percent) / 100))
	}
	return m
}

// processorTime returns cpuTime in nanoseconds, or 1 if the system does not report it.
func processorTime() float64 {
	d, ok := cpuTime()
	if !ok {
		return 1
	}
	return float64(d)
}

// TestServicePlaces checks that the handler, the places and the clients agree on the answers, and
// on refusals.
func TestServicePlaces(t *testing.T) {
	w := serviceJob{rounds: 10}
	w.answer, _ = w.run(func() bool { return false })
	for name, make := range map[string]func(b *testing.B, workers, limit int, w serviceJob) servicePlace{
		"heddle": placeHeddle, "each": placeEach, "semaphore": placeSemaphore, "pool": placePool,
	} {
		t.Log(name)
		benchmarkIn(t, "1x", func(b *testing.B) {
			s := newServer(b, make(b, 1, 1, w), w)
			for b.Loop() {
				want(b, "status", s.ask(b), http.StatusOK)
			}
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			if _, err := make(b, 1, 0, serviceJob{rounds: 1 << 30})(ctx); err == nil {
				b.Error("there is an answer after the end of the context")
			}
		})
	}
}
