package schednats_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A proxy passes connections on to a server, and cuts them when a test asks for it.
type proxy struct {
	listener net.Listener
	to       string
	wg       sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
	ended bool
}

func newProxy(t *testing.T, serverURL string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{
		listener: l, to: strings.TrimPrefix(serverURL, "nats://"), conns: map[net.Conn]bool{},
	}
	p.wg.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		p.ended = true
		p.mu.Unlock()
		p.cut()
		p.wg.Wait()
	})
	return p
}

func (p *proxy) url() string { return "nats://" + p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.to)
		if err != nil {
			_ = in.Close()
			continue
		}
		for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
			p.mu.Lock()
			p.conns[pair[0]] = true
			ended := p.ended
			p.mu.Unlock()
			if ended {
				_ = pair[0].Close()
			}
			p.wg.Go(func() {
				_, _ = io.Copy(pair[0], pair[1])
				_ = in.Close()
				_ = out.Close()
			})
		}
	}
}

// cut closes all connections. What is on its way on them is lost.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
		delete(p.conns, c)
	}
}
