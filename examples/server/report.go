package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// A result holds the counts of a service under load. The service has stopped by then.
type result struct {
	client          *client
	took            time.Duration
	inFlight        int64 // requests in the service when it was told to stop, if under load
	begun, returned int64 // computations, over all parts so far
}

func (r *result) print(w io.Writer, name string) {
	c := r.client
	n := c.answered.Load()
	fmt.Fprintf(w, "%-30s %7d %8d %7.0f %7d %7d  %17s  %17s\n", name, c.sent.Load(), n, float64(n)/r.took.Seconds(),
		c.shed.Load(), c.late.Load(), quantiles(c.normal), quantiles(c.urgent))
}

func quantiles(ds []time.Duration) string {
	if len(ds) == 0 {
		return "-"
	}
	slices.Sort(ds)
	at := func(share float64) float64 {
		return float64(ds[int(share*float64(len(ds)-1))].Microseconds()) / 1000
	}
	return fmt.Sprintf("%.1f  %.1f", at(0.5), at(0.99))
}

// account prints what became of each request and each task.
func (r *result) account(w io.Writer, s *service) {
	c := r.client
	fmt.Fprintf(w, "stopped in the middle, with %d requests in the service:\n", r.inFlight)
	fmt.Fprintf(w, "  sent %d = %d answered + %d shed + %d late + %d without an answer, since nobody listened any more\n",
		c.sent.Load(), c.answered.Load(), c.shed.Load(), c.late.Load(), c.unanswered.Load())
	fmt.Fprintf(w, "  received %d = %d answered + %d shed + %d late + %d whose client was gone\n",
		s.received.Load(), s.answered.Load(), s.shed.Load(), s.late.Load(), s.gone.Load())
	text, _ := s.backend.left()
	fmt.Fprintf(w, "  %s\n", text)
	fmt.Fprintf(w, "  computations, of all parts: %d begun, %d returned\n", r.begun, r.returned)
}

// check returns an error if a request, an answer or a computation is missing.
func (r *result) check(s *service) error {
	c := r.client
	if c.wrong != nil {
		return c.wrong
	}
	if sum := c.answered.Load() + c.shed.Load() + c.late.Load() + c.unanswered.Load(); sum != c.sent.Load() {
		return fmt.Errorf("%d requests were sent, but %d accounted for", c.sent.Load(), sum)
	}
	if sum := s.answered.Load() + s.shed.Load() + s.late.Load() + s.gone.Load(); sum != s.received.Load() {
		return fmt.Errorf("%d requests were received, but %d accounted for", s.received.Load(), sum)
	}
	if r.begun != r.returned {
		return fmt.Errorf("%d computations have begun, but %d have returned", r.begun, r.returned)
	}
	_, err := s.backend.left()
	return err
}
