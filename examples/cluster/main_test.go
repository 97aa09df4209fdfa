package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"image/png"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// TestMain is the program itself in the children.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(run(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// limit bounds every wait: a run that hangs fails.
const limit = 3 * time.Minute

func config1(t *testing.T, args ...string) *config {
	t.Helper()
	c, err := parse(append([]string{"-out", ""}, args...))
	require.NoError(t, err)
	return c
}

// supervised runs the program and returns what it printed.
func supervised(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return supervisedConfig(t, config1(t, args...))
}

func supervisedConfig(t *testing.T, c *config) (string, error) {
	t.Helper()
	// Without a deadline each request to the server has one of its own.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer time.AfterFunc(limit, cancel).Stop()
	var out bytes.Buffer
	err := supervise(ctx, c, &out)
	t.Log(out.String())
	return out.String(), err
}

// requireProof checks that the program's last lines report that all jobs have one right outcome.
func requireProof(t *testing.T, out string, jobs, poison int) {
	t.Helper()
	require.Contains(t, out, fmt.Sprintf("%d jobs, %d outcomes recorded: %d results equal to the run "+
		"on one machine, 0 wrong, 0 lost, %d dead letters", jobs+poison, jobs+poison, jobs, poison))
}

// requireBounded checks that no worker held more jobs than prefetch, nor more memory than a small
// program needs.
func requireBounded(t *testing.T, out string, prefetch int) {
	t.Helper()
	_, line, ok := strings.Cut(out, "a worker held at most ")
	require.True(t, ok)
	var held, mb int
	_, err := fmt.Sscanf(line, "%d jobs at a time, and %d MB", &held, &mb)
	require.NoError(t, err)
	require.LessOrEqual(t, held, prefetch)
	require.Less(t, mb, 64)
}

func TestChaos(t *testing.T) {
	jobs, args := 100_000, []string{"-workers", "4", "-kill", "3", "-freeze", "2", "-tile", "8"}
	if testing.Short() {
		jobs = 4000
		args = []string{
			"-workers", "2", "-kill", "1", "-freeze", "1", "-tile", "4", "-ackwait", "1s",
		}
	}
	args = append(args, "-jobs", strconv.Itoa(jobs), "-restart-server", "-restart-coordinator")
	out, err := supervised(t, args...)
	require.NoError(t, err)
	requireProof(t, out, jobs, 1)
	// The tenth delivery may be to a worker that is killed, or get lost with the server.
	require.Regexp(t, "dead letter poison-0 after (10 deliveries: this job always fails|"+
		"1[1-9] deliveries: delivered 1[0-8] times without an outcome)", out)
	requireBounded(t, out, 64)
	for _, event := range []string{
		"killed worker", "froze worker", "killed the server", "killed the coordinator",
	} {
		require.Contains(t, out, event)
	}
}

// A worker that gets SIGTERM finishes what has begun, hands back the rest, and exits with 0.
func TestWorkerDrains(t *testing.T) {
	const jobs = 2000
	// The long ackwait keeps a slow machine from a second delivery.
	c := config1(t, "-jobs", strconv.Itoa(jobs), "-workers", "2", "-ackwait", "1m")
	var drained error
	c.further = append(c.further, func(s *supervisor) error {
		w := s.present()[0]
		drained = w.stop()
		s.mu.Lock()
		s.workers = s.workers[1:]
		handedBack := w.last.Held
		s.mu.Unlock()
		if handedBack != 0 {
			return fmt.Errorf("the worker ended with %d jobs", handedBack)
		}
		return s.startWorker()
	})
	out, err := supervisedConfig(t, c)
	require.NoError(t, err)
	require.NoError(t, drained)
	requireProof(t, out, jobs, 1)
	require.Contains(t, out, " 0 second ones refused")
}

// A worker that is told to end before it has found the server or the queue ends without an error.
func TestWorkerEndsEarly(t *testing.T) {
	away := config1(t, "-url", "nats://127.0.0.1:1")
	empty := config1(t)
	stop, err := (&supervisor{c: empty}).ownServer()
	require.NoError(t, err)
	defer stop()
	for _, c := range []*config{away, empty} {
		c.queue = "absent"
		w, err := start(c, "worker", func(string) {})
		require.NoError(t, err)
		require.NoError(t, w.stdin.Close())
		<-w.ended
		require.NoError(t, w.err)
	}
}

// The picture in the file is the one that is proved.
func TestPicture(t *testing.T) {
	file := filepath.Join(t.TempDir(), "m.png")
	out, err := supervised(t, "-jobs", "90", "-tile", "4", "-poison", "0", "-out", file)
	require.NoError(t, err)
	requireProof(t, out, 90, 0)
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	img, err := png.Decode(f)
	require.NoError(t, err)
	require.Equal(t, 40, img.Bounds().Dx())
	require.Equal(t, 36, img.Bounds().Dy())
	r, g, b, _ := img.At(28, 20).RGBA() // in the main body of the set, (-0.1, 0)
	require.Zero(t, r+g+b)
	r, g, b, _ = img.At(0, 0).RGBA() // outside
	require.NotZero(t, r+g+b)
}

func TestCompare(t *testing.T) {
	want := [][]byte{{1}, {2}, {3}, {4}}
	lost, wrong := compare([][]byte{{1}, nil, {4}, {4}}, want)
	require.Equal(t, []int{1, 1}, []int{lost, wrong})
}

func TestBadFlags(t *testing.T) {
	for args, say := range map[string]string{
		"-workers 0":                            "-workers is 0, want 1 to 64",
		"-jobs 0":                               "-jobs is 0, want 1 to 1000000",
		"-prefetch 65537":                       "-prefetch is 65537, want 1 to 65536",
		"-ackwait 1ms":                          "-ackwait is 1ms, want at least 300ms",
		"-deadline -1s":                         "-deadline is -1s, want at least 0",
		"-url nats://127.0.0.1 -restart-server": "-restart-server needs the program's own server",
		"-url nats://127.0.0.1 -growth":         "-growth starts servers of its own",
		"-threads 1025":                         "-threads is 1025, want 0 to 1024",
		"more":                                  `unexpected argument "more"`,
	} {
		_, err := parse(strings.Fields(args))
		require.ErrorContains(t, err, say)
	}
}

func TestUnreachableServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	_, err = supervised(t, "-url", "nats://me:secret@"+addr)
	require.ErrorIs(t, err, nats.ErrNoServers)
	require.ErrorContains(t, err, "connect to nats://me:xxxxx@"+addr)
	require.NotContains(t, err.Error(), "secret")
}

// Jobs whose deadline passes become dead letters, and the program says that the picture is not
// complete.
func TestDeadlinePassed(t *testing.T) {
	t.Parallel()
	_, err := supervised(t, "-jobs", "20", "-poison", "0", "-deadline", "1ns", "-ackwait", "300ms")
	require.ErrorContains(t, err, "coordinator")
}

func TestTLSAndPassword(t *testing.T) {
	t.Parallel()
	cert, ca := certificate(t)
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
		Username: "me", Password: "secret", TLS: true, TLSTimeout: 10,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
	})
	require.NoError(t, err)
	go s.Start()
	require.True(t, s.ReadyForConnections(time.Minute))
	defer func() { s.Shutdown(); s.WaitForShutdown() }()
	addr := s.Addr().String()

	_, err = supervised(t, "-url", "tls://me:wrong@"+addr, "-ca", ca)
	require.ErrorIs(t, err, nats.ErrAuthorization)
	_, err = supervised(t, "-url", "tls://"+addr, "-ca", ca)
	require.ErrorIs(t, err, nats.ErrAuthorization)
	_, err = supervised(t, "-url", "tls://me:secret@"+addr)
	require.ErrorContains(t, err, "certificate signed by unknown authority")

	for _, encrypted := range []bool{false, true} {
		said := stranger(t, addr, encrypted)
		require.NotContains(t, said, "PONG")
		require.NotContains(t, said, "MSG")
		if encrypted {
			require.Contains(t, said, "Authorization Violation")
		}
	}

	out, err := supervised(t, "-url", "tls://me:secret@"+addr, "-ca", ca, "-jobs", "100", "-tile", "4")
	require.NoError(t, err)
	requireProof(t, out, 100, 1)
	require.NotContains(t, out, "secret")
}

// stranger asks the server for every message without a password, and returns what the server says
// until it ends the connection.
func stranger(t *testing.T, addr string, encrypted bool) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(limit)))
	for b := []byte{0}; b[0] != '\n'; { // what the server says of itself to everyone, a line
		_, err := conn.Read(b)
		require.NoError(t, err)
	}
	if encrypted {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	_, err = io.WriteString(conn, "CONNECT {\"verbose\":false}\r\nSUB > 1\r\nPING\r\n")
	require.NoError(t, err)
	said, _ := io.ReadAll(conn) // the server may end it by a reset
	return string(said)
}

// certificate makes a certificate for loopback, and a file that lets clients trust it.
func certificate(t *testing.T) (tls.Certificate, string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	require.NoError(t, os.WriteFile(file, block, 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// The leader of the job stream is killed in the middle of a run on three servers that keep every
// message three times.
func TestLeaderKilled(t *testing.T) {
	t.Parallel()
	jobs := 6000
	if testing.Short() {
		jobs = 2000
	}
	const n = 3
	var ports, names, urls, routes []string
	for i := range 2 * n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		_, port, err := net.SplitHostPort(l.Addr().String())
		require.NoError(t, err)
		ports = append(ports, port)
		if i < n {
			names = append(names, fmt.Sprintf("s%d", i))
			urls = append(urls, "nats://127.0.0.1:"+port)
		} else {
			routes = append(routes, "nats://127.0.0.1:"+port)
		}
		require.NoError(t, l.Close())
	}
	servers := map[string]*process{}
	for i, name := range names {
		c := config1(t, "-store", t.TempDir(), "-port", ports[i], "-name", name,
			"-cluster-port", ports[n+i], "-routes", strings.Join(routes, ","))
		up := make(chan struct{}, 1)
		p, err := start(c, "server", func(string) { up <- struct{}{} })
		require.NoError(t, err)
		defer p.kill()
		servers[name] = p
		select {
		case <-up:
		case <-p.ended:
			t.Fatalf("server %s ended: %v", name, p.err)
		}
	}
	c := config1(t, "-url", strings.Join(urls, ","))
	nc, js, err := c.connect("test")
	require.NoError(t, err)
	defer nc.Close()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	// JetStream is usable when the servers have elected a leader.
	require.NoError(t, retry(ctx, func() error {
		// Without a leader there is no answer.
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		_, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
			Name: "PROBE", Subjects: []string{"probe"}, Replicas: n,
		})
		return err
	}))

	c = config1(t, "-url", c.url, "-replicas", strconv.Itoa(n), "-jobs", strconv.Itoa(jobs),
		"-workers", "2")
	killed := ""
	c.further = append(c.further, func(*supervisor) error {
		stream, err := js.Stream(ctx, c.queue+"_JOBS")
		if err != nil {
			return err
		}
		killed = stream.CachedInfo().Cluster.Leader
		if servers[killed] == nil {
			return fmt.Errorf("the leader is %q", killed)
		}
		servers[killed].kill()
		return nil
	})
	out, err := supervisedConfig(t, c)
	require.NoError(t, err)
	requireProof(t, out, jobs, 1)
	require.NotEmpty(t, killed)
}

// Each cell of the table of -growth is measured, and a load that fails is an error.
func TestGrowth(t *testing.T) {
	c := config1(t, "-prefetch", "8")
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for _, waits := range []bool{false, true} {
		for _, processes := range []int{0, 2} {
			l := load{waits: waits, length: 100 * time.Microsecond}
			got, err := growthCell(ctx, c, l, processes, 100, 10)
			require.NoError(t, err)
			require.Positive(t, got.rate)
			require.Positive(t, got.cpu)
		}
	}
	require.Equal(t, []int{1000, 2000}, []int{
		load{false, time.Millisecond}.count(c, 1), load{false, time.Millisecond}.count(c, 2),
	})
	require.Equal(t, tile{Index: 3, Burn: 70}, load{false, 10 * time.Millisecond}.tile(3, 7))
	cancel()
	_, err := growthCell(ctx, c, load{false, time.Millisecond}, 1, 10, 1)
	require.ErrorIs(t, err, context.Canceled)
}

// A worker's line on a terminal is written over; in a file each line stands.
func TestScreen(t *testing.T) {
	var b bytes.Buffer
	s := newScreen(&b)
	s.progress("first")
	s.progress("second, too early for a file")
	s.line("done %d", 1)
	require.Equal(t, "first\ndone 1\n", b.String())

	b.Reset()
	s = &screen{out: &b, terminal: true}
	s.progress("abc")
	s.progress("de")
	s.line("end")
	require.Equal(t, "abc\r   \rde\r  \rend\n", b.String())
}
