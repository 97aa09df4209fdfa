package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// serverRole is a NATS server with JetStream on loopback. It prints its URL and runs until ctx or
// its standard input ends, so that it does not outlive the supervisor.
func serverRole(ctx context.Context, c *config) error {
	opts := &server.Options{
		Host: "127.0.0.1", Port: c.port, JetStream: true, StoreDir: c.store, NoSigs: true, NoLog: true,
	}
	if c.routes != "" {
		opts.ServerName = c.name
		opts.Cluster = server.ClusterOpts{Name: "heddle", Host: "127.0.0.1", Port: c.clusterPort}
		opts.Routes = server.RoutesFromStr(c.routes)
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return fmt.Errorf("server: %w", err)
	}
	go s.Start()
	if !s.ReadyForConnections(30 * time.Second) {
		return errors.New("server: not ready after 30 s")
	}
	fmt.Println(s.ClientURL())
	select {
	case <-ctx.Done():
	case <-inputEnd(nil):
	}
	s.Shutdown()
	s.WaitForShutdown()
	return nil
}

// inputEnd returns a channel that is closed when standard input ends. The supervisor keeps a pipe
// to each child open. inputEnd closes first, if it is not nil, when the supervisor has written
// something.
func inputEnd(first chan<- struct{}) <-chan struct{} {
	end := make(chan struct{})
	go func() {
		defer close(end)
		var b [1]byte
		for {
			n, err := os.Stdin.Read(b[:])
			if n > 0 && first != nil {
				close(first)
				first = nil
			}
			if err != nil {
				return
			}
		}
	}()
	return end
}
