package schednats_test

import (
	"context"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heddle-go/heddle/scheduler/schednats"
	"github.com/heddle-go/heddle/task"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// A cluster is three servers in this process.
type cluster struct {
	t       *testing.T
	opts    [3]*server.Options
	servers [3]*server.Server
}

func newCluster(t *testing.T) *cluster {
	c := &cluster{t: t}
	var ports [2 * len(c.opts)]int
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close() // when all ports are known, so that they differ
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	var routes []*url.URL
	for i := range c.opts {
		host := net.JoinHostPort("127.0.0.1", itoa(ports[len(c.opts)+i]))
		routes = append(routes, &url.URL{Scheme: "nats", Host: host})
	}
	for i := range c.opts {
		c.opts[i] = &server.Options{
			ServerName: "s" + itoa(i), Host: "127.0.0.1", Port: ports[i], JetStream: true,
			StoreDir: t.TempDir(), NoSigs: true, NoLog: true, Routes: routes,
			Cluster: server.ClusterOpts{
				Name: "c", Host: "127.0.0.1", Port: ports[len(c.opts)+i],
			},
		}
	}
	t.Cleanup(func() {
		for i := range c.servers {
			c.stop(i)
		}
	})
	return c
}

func (c *cluster) start(i int) {
	c.t.Helper()
	s, err := server.NewServer(c.opts[i])
	require.NoError(c.t, err)
	go s.Start()
	require.True(c.t, s.ReadyForConnections(limit))
	c.servers[i] = s
}

func (c *cluster) stop(i int) {
	if s := c.servers[i]; s != nil {
		s.Shutdown()
		s.WaitForShutdown()
		c.servers[i] = nil
	}
}

// Requests that the servers drop because they have no leader are sent again. And an outcome that is
// on its way to the other servers, which may still be lost, does not settle a job.
//
// It does not run beside other tests, whose servers might get the ports that it has chosen.
func TestClusterWithoutLeader(t *testing.T) {
	c := newCluster(t)
	c.start(0)
	ctx, cancel := context.WithTimeout(context.Background(), 2*limit)
	defer cancel()
	urls := make([]string, len(c.opts))
	for i, o := range c.opts {
		urls[i] = "nats://" + net.JoinHostPort(o.Host, itoa(o.Port))
	}
	nc, err := nats.Connect(strings.Join(urls, ","), nats.MaxReconnects(-1),
		nats.ReconnectWait(10*time.Millisecond), nats.DontRandomize())
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)

	// Create asks while one server of three is up.
	asked := make(chan *nats.Msg, 1000)
	_, err = nc.ChanSubscribe("$JS.API.>", asked)
	require.NoError(t, err)
	require.NoError(t, nc.Flush())
	made := make(chan *queue, 1)
	go func() {
		q, err := schednats.Create[int, string](ctx, js, schednats.Config{Name: "q", Replicas: 3})
		if err != nil {
			t.Error(err)
		}
		made <- q
	}()
	<-asked
	c.start(1)
	c.start(2)
	q := <-made
	require.NotNil(t, q)

	// A worker holds a job. Then only the leader of the outcomes is left, and another process's
	// outcome is on its way.
	f := &fixture{t: t, ctx: ctx, nc: nc, js: js, q: q}
	f.submit(job{ID: "x"})
	begun, let, recording := make(chan struct{}, 9), make(chan struct{}), make(chan error, 1000)
	stop := f.serve(schednats.Options{OnError: func(err error) { recording <- err }},
		func(*task.Ctx, job) (string, error) {
			begun <- struct{}{}
			<-let
			return "second", nil
		})
	release := sync.OnceFunc(func() { close(let) })
	t.Cleanup(release)
	<-begun
	done, err := js.Stream(ctx, "q_DONE")
	require.NoError(t, err)
	leader := done.CachedInfo().Cluster.Leader
	var others []int
	for i, o := range c.opts {
		if o.ServerName != leader {
			others = append(others, i)
			c.stop(i)
		}
	}
	f.eventually(func() bool { return nc.IsConnected() && nc.ConnectedServerName() == leader })
	first, err := js.PublishMsgAsync(&nats.Msg{Subject: "q.done.b.x", Data: []byte(`"first"`)},
		jetstream.WithExpectLastSequencePerSubject(0))
	require.NoError(t, err)
	require.NoError(t, nc.FlushTimeout(limit))
	release()
	settled := func() int64 { return f.n.Refused.Load() + f.n.Recorded.Load() }
	f.eventually(func() bool {
		select {
		case err := <-recording:
			return strings.Contains(err.Error(), "record 1 outcomes")
		default:
			return settled() > 0
		}
	})
	require.Zero(t, settled(), "nothing is decided yet")
	select {
	case <-first.Ok():
		t.Fatal("one server of three has confirmed an outcome")
	default:
	}
	for _, i := range others {
		c.start(i)
	}
	o := f.outcomes(1)["x"]
	require.NoError(t, o.Err)
	f.eventually(func() bool { return settled() == 1 })
	require.Contains(t, []string{"first", "second"}, o.Value)
	if f.n.Recorded.Load() == 1 {
		require.Equal(t, "second", o.Value)
	}
	require.NoError(t, stop())
	require.NoError(t, q.Delete(ctx))
}
