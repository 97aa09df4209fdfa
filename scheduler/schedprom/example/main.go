// Example is a service whose scheduler Prometheus watches. Its tasks come in bursts, wait, and
// compute, until Ctrl-C.
//
//	go run ./example [-listen address]
//
// Point Prometheus at it, and import dashboard.json of package schedprom into Grafana:
//
//	scrape_configs:
//	  - job_name: heddle
//	    static_configs:
//	      - targets: ["localhost:2112"]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/scheduler/schedprom"
	"github.com/heddle-go/heddle/task"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "example:", err)
		os.Exit(1)
	}
}

// run is main with its surroundings passed in. It returns when ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("example", flag.ContinueOnError)
	f.SetOutput(stderr)
	addr := f.String("listen", "localhost:2112", "serve /metrics at this `address`")
	if err := f.Parse(args); err != nil {
		return err
	}
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	sched, err := scheduler.New(
		scheduler.WithQueueLimit(64, scheduler.Reject),
		scheduler.WithLatencies(scheduler.Exact), scheduler.WithLatenciesByName(10))
	if err != nil {
		return errors.Join(err, l.Close())
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(schedprom.NewCollector("example", sched))
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	srv := &http.Server{Handler: mux}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	fmt.Fprintf(stdout, "http://%s/metrics\n", l.Addr())

	burst := time.NewTicker(250 * time.Millisecond)
	defer burst.Stop()
	for ctx.Err() == nil {
		for range 100 {
			sched.GoContext(ctx, work, task.Name("work")) // if the queue is full, it is refused
		}
		select {
		case <-burst.C:
		case <-ctx.Done():
		}
	}
	err = errors.Join(srv.Close(), sched.Close())
	if e := <-served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}

// work waits and computes for about a millisecond each.
func work(c *task.Ctx) {
	if c.Sleep(time.Millisecond) != nil {
		return
	}
	for begin := time.Now(); time.Since(begin) < time.Millisecond; {
		c.Checkpoint()
	}
}
