package schednats

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// askWait is how long a request waits for its answer before it is sent again, doubled for each
	// time. A healthy server answers most requests within milliseconds.
	askWait = 2 * time.Second
	// askLimit is how long ask goes on if its context has no deadline.
	askLimit = 30 * time.Second
	// codeNoLeader is the server's code for "JetStream system temporarily unavailable".
	codeNoLeader jetstream.ErrorCode = 10008
)

// ask calls request, which sends one request to the server, until there is an answer. The servers
// of a cluster without a leader drop requests: an election takes up to ten seconds, and then only
// a new request is answered. So request must be one that may be carried out twice. ask ends with
// request's error when ctx ends, and after askLimit if ctx has no deadline.
func ask(ctx context.Context, request func(ctx context.Context) error) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, askLimit)
		defer cancel()
	}
	for n := 1; ; n++ {
		one, cancel := context.WithTimeout(ctx, doubled(askWait, askLimit, n))
		err := request(one)
		late := one.Err() != nil
		cancel()
		var api *jetstream.APIError
		noLeader := errors.As(err, &api) && api.ErrorCode == codeNoLeader
		if err == nil || ctx.Err() != nil || !noLeader && !late && !errors.Is(err, nats.ErrTimeout) {
			return err
		}
		if noLeader && pause(ctx, 100*time.Millisecond) != nil {
			return err
		}
	}
}

// pause waits for d, or until ctx ends, and returns the cause of ctx in that case.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
