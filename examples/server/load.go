package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heddle-go/heddle/internal/cli"
)

const (
	payloadSize = 4 << 10
	urgentEvery = 10 // one in this many requests is urgent
)

// A client sends requests and counts the answers by kind.
type client struct {
	http    http.Client
	url     string
	payload []byte
	want    string // the expected digest

	sent, answered, shed, late, unanswered atomic.Int64

	mu             sync.Mutex
	normal, urgent []time.Duration // latencies of the requests that got a result
	wrong          error
}

func newClient(s *service, j job) *client {
	c := &client{url: s.url, payload: bytes.Repeat([]byte("heddle, "), payloadSize/8)}
	sum, _ := j.run(c.payload, func() bool { return false }) // this run is never stopped
	c.want = hex.EncodeToString(sum[:])
	c.http.Transport = &http.Transport{MaxIdleConnsPerHost: 4096}
	c.http.Timeout = 20*s.deadline + 10*time.Second
	return c
}

// send sends one request, which was due at the given time.
func (c *client) send(ctx context.Context, due time.Time, urgent bool) {
	c.sent.Add(1)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(c.payload))
	if err != nil {
		c.fail(err)
		return
	}
	if urgent {
		req.Header.Set("Urgent", "yes")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.unanswered.Add(1) // the server is gone, or Ctrl-C has interrupted the program
		return
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	switch {
	case err != nil:
		c.unanswered.Add(1)
	case resp.StatusCode == http.StatusOK:
		c.answered.Add(1)
		took := time.Since(due)
		if string(body) != c.want {
			c.fail(fmt.Errorf("a wrong digest: %q instead of %q", body, c.want))
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if urgent {
			c.urgent = append(c.urgent, took)
		} else {
			c.normal = append(c.normal, took)
		}
	case resp.StatusCode == http.StatusGatewayTimeout:
		c.late.Add(1)
	case resp.StatusCode == http.StatusServiceUnavailable:
		c.shed.Add(1)
	default:
		c.fail(fmt.Errorf("an answer that nobody should have given: %s: %s", resp.Status, body))
	}
}

func (c *client) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong = errors.Join(c.wrong, err)
}

// forget drops the latencies, which would need more and more memory.
func (c *client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.normal, c.urgent = c.normal[:0], c.urgent[:0]
}

// measure returns how many requests a second the service answers if a few clients send the next
// request as soon as they have an answer.
func measure(ctx context.Context, set settings, j job) (float64, error) {
	b, err := newHeddle(set, j)
	if err != nil {
		return 0, err
	}
	s, err := serve(b, time.Minute)
	if err != nil {
		return 0, errors.Join(err, b.close(ctx))
	}
	c := newClient(s, j)
	length := max(set.length/4, 50*time.Millisecond)
	start := time.Now()
	var wg sync.WaitGroup
	for range 2 * set.workers {
		wg.Go(func() {
			for first := true; ctx.Err() == nil && (first || time.Since(start) < length); first = false {
				c.send(ctx, time.Now(), false)
			}
		})
	}
	wg.Wait()
	took := time.Since(start)
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop(context.WithoutCancel(ctx)) }()
	if err := errors.Join(c.wrong, c.hangUp(stopped)); err != nil {
		return 0, err
	}
	n := c.answered.Load()
	if n == 0 && ctx.Err() == nil {
		return 0, errors.New("the service answers nothing, even without load: try a shorter -work or a longer -queue")
	}
	return float64(n) / took.Seconds(), nil
}

// A sender sends requests at fixed times.
type sender struct {
	c    *client
	sent int            // so far; one in urgentEvery is urgent
	wg   sync.WaitGroup // of the requests under way
}

// load sends requests at the given rate while more, which it calls before each request with the
// time since the start, returns true, or until ctx ends. It does not wait for their answers.
func (x *sender) load(ctx context.Context, rate float64, more func(now time.Duration) bool) {
	interval := time.Duration(float64(time.Second) / rate)
	start := time.Now()
	for i := 0; ; i++ {
		due := start.Add(time.Duration(i) * interval)
		sleepUntil(ctx, due)
		if ctx.Err() != nil || !more(due.Sub(start)) {
			return
		}
		urgent := x.sent%urgentEvery == 0
		x.sent++
		x.wg.Go(func() { x.c.send(ctx, due, urgent) })
	}
}

// underLoad sends requests at the given rate for the length in the settings, and then stops the
// service. If early is set, it stops the service after half of that time and at least one answer,
// and the load goes on until a request is not answered.
func underLoad(ctx context.Context, s *service, set settings, j job, rate float64, early bool, name string, stderr io.Writer) (*result, error) {
	c := newClient(s, j)
	stopped := make(chan error, 1)
	stop := func() { stopped <- s.stop(context.WithoutCancel(ctx)) }
	r := &result{client: c}
	start := time.Now()
	stopping := false
	bar := progress(stderr, name, c)
	defer bar.Stop()
	x := sender{c: c}
	x.load(ctx, rate, func(now time.Duration) bool {
		if !early {
			return now <= set.length
		}
		if !stopping && now > set.length/2 && s.answered.Load() > 0 {
			stopping = true
			r.inFlight = s.received.Load() - s.answered.Load() - s.shed.Load() - s.late.Load() - s.gone.Load()
			go stop()
		}
		return now <= set.length || !stopping || c.unanswered.Load() == 0
	})
	x.wg.Wait()
	r.took = time.Since(start)
	if !stopping {
		go stop()
	}
	err := c.hangUp(stopped)
	r.begun, r.returned = j.begun.Load(), j.returned.Load()
	return r, err
}

func progress(stderr io.Writer, name string, c *client) *cli.Progress {
	return cli.Start(stderr, func() string {
		return fmt.Sprintf("%s: %d sent, %d answered, %d shed, %d late", name,
			c.sent.Load(), c.answered.Load(), c.shed.Load(), c.late.Load())
	})
}

// hangUp closes the client's connections again and again until the server has stopped. The server
// waits for each connection, and some seconds for connections that were opened but not used. The
// client may still be opening such connections.
func (c *client) hangUp(stopped <-chan error) error {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		c.http.CloseIdleConnections()
		select {
		case err := <-stopped:
			c.http.CloseIdleConnections()
			return err
		case <-again.C:
		}
	}
}

func sleepUntil(ctx context.Context, t time.Time) {
	d := time.Until(t)
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
