// Command cluster renders a picture of the Mandelbrot set on several processes, each a heddle
// scheduler, under NATS JetStream, and proves the picture against one that this machine renders
// alone. Without flags it starts everything that it needs, a server included, on this machine.
// README.md says what is promised when processes are killed, frozen or restarted.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// urlEnv names the variable that stands for -url. Children get theirs in it, because the
// arguments of a process, unlike its environment, are readable by every user of the machine.
const urlEnv = "HEDDLE_CLUSTER_URL"

// A config is what the flags say. The supervisor passes its own on to its children.
type config struct {
	url, creds, ca     string
	workers, jobs      int
	tile, iterations   int
	prefetch, replicas int
	poison             int
	ackWait, deadline  time.Duration
	kill, freeze       int
	restartServer      bool
	restartCoordinator bool
	growth             bool
	out                string
	maxBytes           int64

	threads            int // heddle workers of a process; 0: as many as processors
	role, queue, store string
	port               int
	hold               bool
	name, routes       string // of a server in a cluster
	clusterPort        int

	further []func(s *supervisor) error // events of a test, beside those of the flags
}

func parse(args []string) (*config, error) {
	c := new(config)
	fs := flag.NewFlagSet("cluster", flag.ContinueOnError)
	fs.StringVar(&c.url, "url", os.Getenv(urlEnv),
		"URLs of an existing server or cluster, with commas; empty: start one here; or in "+urlEnv)
	fs.StringVar(&c.creds, "creds", "", "file with the credentials for -url")
	fs.StringVar(&c.ca, "ca", "", "file with the certificate authority of -url; empty: the system's")
	fs.IntVar(&c.workers, "workers", max(2, runtime.GOMAXPROCS(0)), "worker processes, 1 to 64")
	fs.IntVar(&c.jobs, "jobs", 4096, "jobs, 1 to 1000000: the tiles of the picture")
	fs.IntVar(&c.tile, "tile", 16, "a tile's side in pixels, 1 to 256")
	fs.IntVar(&c.iterations, "iterations", 500, "iterations of a pixel at most, 1 to 1000000")
	fs.IntVar(&c.prefetch, "prefetch", 64, "jobs that a worker process holds at most, 1 to 65536")
	fs.IntVar(&c.replicas, "replicas", 1, "servers that keep each message, 1 to 5")
	fs.IntVar(&c.poison, "poison", 1, "jobs to add that always fail, 0 to 100")
	fs.DurationVar(&c.ackWait, "ackwait", 2*time.Second,
		"how long the server waits for a worker's sign of life")
	fs.DurationVar(&c.deadline, "deadline", 0, "deadline of every job, from its submission; 0: none")
	fs.IntVar(&c.kill, "kill", 0, "kill so many workers (SIGKILL) while it runs")
	fs.IntVar(&c.freeze, "freeze", 0, "freeze so many workers (SIGSTOP) for longer than -ackwait")
	fs.BoolVar(&c.restartServer, "restart-server", false,
		"kill the server and start it again in the middle")
	fs.BoolVar(&c.restartCoordinator, "restart-coordinator", false,
		"kill the coordinator and start it again in the middle")
	fs.BoolVar(&c.growth, "growth", false,
		"instead of the picture, print a table: jobs a second with 1, 2 and 4 processes")
	fs.IntVar(&c.threads, "threads", 0,
		"heddle workers of a worker process, 0 to 1024; 0: as many as processors")
	fs.StringVar(&c.out, "out", "mandelbrot.png", "the picture's file; empty: none")
	fs.Int64Var(&c.maxBytes, "max-bytes", 0, "bound of each stream on the server in bytes; 0: none")
	fs.StringVar(&c.role, "role", "", "for the program's own use: server, worker or coordinator")
	fs.StringVar(&c.queue, "queue", "", "for the program's own use: the queue's name")
	fs.StringVar(&c.store, "store", "", "for the program's own use: the server's folder")
	fs.IntVar(&c.port, "port", -1, "for the program's own use: the server's port")
	fs.BoolVar(&c.hold, "hold", false,
		"for the program's own use: keep the last job back until standard input has a line")
	fs.StringVar(&c.name, "name", "", "for -role server: its name in a cluster")
	fs.StringVar(&c.routes, "routes", "", "for -role server: the cluster's route URLs, with commas")
	fs.IntVar(&c.clusterPort, "cluster-port", 0, "for -role server: the port for the other servers")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	for _, r := range []struct {
		name      string
		v, lo, hi int
	}{
		{"workers", c.workers, 1, 64}, {"jobs", c.jobs, 1, 1_000_000}, {"tile", c.tile, 1, 256},
		{"iterations", c.iterations, 1, 1_000_000}, {"prefetch", c.prefetch, 1, 65536},
		{"replicas", c.replicas, 1, 5}, {"poison", c.poison, 0, 100},
		{"kill", c.kill, 0, 1000}, {"freeze", c.freeze, 0, 1000}, {"threads", c.threads, 0, 1024},
	} {
		if r.v < r.lo || r.v > r.hi {
			return nil, fmt.Errorf("-%s is %d, want %d to %d", r.name, r.v, r.lo, r.hi)
		}
	}
	if c.ackWait < 300*time.Millisecond {
		return nil, fmt.Errorf("-ackwait is %v, want at least 300ms", c.ackWait)
	}
	if c.deadline < 0 {
		return nil, fmt.Errorf("-deadline is %v, want at least 0", c.deadline)
	}
	if c.growth && c.url != "" {
		return nil, errors.New("-growth starts servers of its own: leave out -url")
	}
	if c.restartServer && c.url != "" {
		return nil, errors.New("-restart-server needs the program's own server: leave out -url")
	}
	return c, nil
}

// child returns the arguments of a child process in the given role.
func (c *config) child(role string) []string {
	return []string{
		"-role", role, "-queue", c.queue, "-creds", c.creds, "-ca", c.ca,
		"-workers", fmt.Sprint(c.workers), "-jobs", fmt.Sprint(c.jobs), "-tile", fmt.Sprint(c.tile),
		"-iterations", fmt.Sprint(c.iterations), "-prefetch", fmt.Sprint(c.prefetch),
		"-replicas", fmt.Sprint(c.replicas), "-poison", fmt.Sprint(c.poison),
		"-ackwait", c.ackWait.String(), "-deadline", c.deadline.String(), "-out", c.out,
		"-threads", fmt.Sprint(c.threads), "-max-bytes", fmt.Sprint(c.maxBytes),
		fmt.Sprintf("-hold=%t", c.hold), "-store", c.store, "-port", fmt.Sprint(c.port),
		"-name", c.name, "-routes", c.routes, "-cluster-port", fmt.Sprint(c.clusterPort),
	}
}

// connect connects to the servers. A process that has been connected once waits for a server that
// is away, without end.
func (c *config) connect(name string) (*nats.Conn, jetstream.JetStream, error) {
	opts := []nats.Option{
		nats.Name(name), nats.MaxReconnects(-1), nats.ReconnectWait(100 * time.Millisecond),
		nats.Timeout(5 * time.Second),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // reported where it fails
	}
	if c.creds != "" {
		opts = append(opts, nats.UserCredentials(c.creds))
	}
	if c.ca != "" {
		pem, err := os.ReadFile(c.ca)
		if err != nil {
			return nil, nil, fmt.Errorf("-ca: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, nil, fmt.Errorf("-ca: %s has no certificate", c.ca)
		}
		opts = append(opts, nats.Secure(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}))
	}
	nc, err := nats.Connect(c.url, opts...)
	if err != nil {
		return nil, nil, fmt.Errorf("connect to %s: %w", redacted(c.url), err)
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncTimeout(10*time.Second))
	if err != nil {
		nc.Close()
		return nil, nil, err
	}
	return nc, js, nil
}

// redacted returns urls, separated by commas, without passwords.
func redacted(urls string) string {
	list := strings.Split(urls, ",")
	for i, s := range list {
		if u, err := url.Parse(strings.TrimSpace(s)); err == nil {
			list[i] = u.Redacted()
		} else {
			list[i] = "(not a URL)"
		}
	}
	return strings.Join(list, ",")
}

// connectPatiently tries to connect until ctx ends, except with wrong credentials.
func (c *config) connectPatiently(
	ctx context.Context, name string,
) (nc *nats.Conn, js jetstream.JetStream, err error) {
	err = retry(ctx, func() (err error) {
		nc, js, err = c.connect(name)
		return err
	})
	return nc, js, err
}

// retry calls f, 100 ms apart, until it succeeds, fails for good, or ctx ends.
func retry(ctx context.Context, f func() error) error {
	for {
		err := f()
		if err == nil || errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrMaxPayload) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (last error: %w)", context.Cause(ctx), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func main() { os.Exit(run(os.Args[1:])) }

// run is main without its exit.
func run(args []string) int {
	c, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	switch c.role {
	case "server":
		err = serverRole(ctx, c)
	case "worker":
		err = workerRole(ctx, c)
	case "coordinator":
		err = coordinatorRole(ctx, c)
	case "":
		if c.growth {
			err = growth(ctx, c, os.Stdout)
		} else {
			err = supervise(ctx, c, os.Stdout)
		}
	default:
		err = fmt.Errorf("-role is %q, want server, worker or coordinator", c.role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		return 1
	}
	return 0
}
