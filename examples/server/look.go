package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	uatomic "go.uber.org/atomic"

	"github.com/heddle-go/heddle/scheduler/schedhttp"
)

// look runs the service on heddle under the loads in turn until ctx ends, and shows its scheduler
// on a page meanwhile. Then it accounts for all requests and tasks.
func look(ctx context.Context, set settings, stdout, stderr io.Writer) error {
	l, err := net.Listen("tcp", set.look)
	if err != nil {
		return fmt.Errorf("-look: %w", err)
	}
	defer l.Close() // if the page is not served
	j, capacity, err := begin(ctx, set, stdout)
	if err != nil {
		return err
	}
	b, err := newHeddle(set, j)
	if err != nil {
		return err
	}
	s, err := serve(b, set.deadline)
	if err != nil {
		return errors.Join(err, b.close(ctx))
	}
	var now uatomic.String // the load under way
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		failed := "none"
		if err := s.lastErr.Load(); err != nil {
			failed = err.Error()
		}
		// Nothing can be done about a client that has gone away.
		_, _ = fmt.Fprintf(w, "load: %s\nlast error: %s\n", now.Load(), failed)
	})
	mux.Handle("/debug/heddle/", schedhttp.Handler(b.(*onHeddle).sched, schedhttp.Name("hashes"), schedhttp.AllowPause()))
	page := &http.Server{Handler: mux}
	served := make(chan error, 1)
	go func() { served <- page.Serve(l) }()
	fmt.Fprintf(stdout, "the page is at http://%s/debug/heddle/\n", host(l.Addr().String()))

	c := newClient(s, j)
	bar := progress(stderr, "heddle", c)
	defer bar.Stop()
	x := sender{c: c}
	for i := 0; ctx.Err() == nil; i++ {
		load := set.loads[i%len(set.loads)]
		now.Store(fmt.Sprintf("%g%%, %.0f a second", load, capacity*load/100))
		fmt.Fprintf(stdout, "at %s, for %v\n", now.Load(), set.length)
		x.load(ctx, capacity*load/100, func(now time.Duration) bool { return now <= set.length })
		c.forget()
	}
	x.wg.Wait()
	r := &result{client: c, inFlight: s.received.Load() - s.answered.Load() - s.shed.Load() - s.late.Load() - s.gone.Load()}
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop(context.WithoutCancel(ctx)) }()
	err = errors.Join(c.hangUp(stopped), page.Close())
	if e := <-served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	r.begun, r.returned = j.begun.Load(), j.returned.Load()
	r.account(stdout, s)
	return cmp.Or(errors.Join(err, r.check(s)), error(errInterrupted))
}

// host returns the address with a name that a browser on this machine can ask for.
func host(addr string) string {
	if _, port, err := net.SplitHostPort(addr); err == nil && strings.HasPrefix(addr, "[::]") {
		return net.JoinHostPort("localhost", port)
	}
	return addr
}
