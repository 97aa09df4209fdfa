package schednats

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// readBatch is the number of messages that a reader asks for at a time.
	readBatch = 512
	// readWait is how long one request for messages stays open. When it ends without a message, the
	// reader asks whether one was lost on the way.
	readWait = 2 * time.Second
	// readIdle is after how long the server forgets the consumer of a reader that is gone.
	readIdle = 30 * time.Second
)

// A stored is a message of a stream.
type stored struct {
	jetstream.Msg
	seq     uint64 // in the stream
	pending uint64 // further messages that the answering server had for the reader
}

// read yields the messages of stream whose subjects match filter, each once, in their order, and
// then waits for further ones until ctx ends. Its last error is the cause of ctx, or says that the
// stream or the connection is gone.
//
// It reads through consumers that one server keeps in memory. When one fails it makes another under
// a new name, which begins after the last message that was yielded. jetstream's ordered consumer
// tries for ever to make one name, and a cluster may place that name on a server that has just
// died, from where no answer comes.
func read(
	ctx context.Context, js jetstream.JetStream, stream, filter string,
) iter.Seq2[stored, error] {
	return func(yield func(stored, error) bool) {
		r := &reader{js: js, stream: stream, filter: filter, next: 1, yield: yield}
		for fails := 0; ; {
			before := r.next
			err := r.once(ctx)
			switch {
			case r.stopped:
				return
			case ctx.Err() != nil:
				yield(stored{}, context.Cause(ctx))
				return
			case js.Conn().IsClosed():
				yield(stored{}, fmt.Errorf("schednats: read %s: %w", stream, nats.ErrConnectionClosed))
				return
			case errors.Is(err, jetstream.ErrStreamNotFound):
				yield(stored{}, fmt.Errorf("schednats: read %s: %w", stream, err))
				return
			}
			if fails++; r.next > before {
				fails = 1
			}
			_ = pause(ctx, doubled(50*time.Millisecond, time.Second, fails)) // once sees ctx's end
		}
	}
}

type reader struct {
	js             jetstream.JetStream
	stream, filter string
	next           uint64 // the lowest stream sequence that was not yielded yet
	yield          func(stored, error) bool
	stopped        bool // yield has returned false
}

// errGap says that a message did not reach the reader.
var errGap = errors.New("a message was lost on the way")

// once reads through one consumer until it fails, ctx ends, or the caller has enough.
func (r *reader) once(ctx context.Context) error {
	one, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	cons, err := r.js.CreateConsumer(one, r.stream, jetstream.ConsumerConfig{
		FilterSubject:     r.filter,
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       r.next,
		AckPolicy:         jetstream.AckNonePolicy,
		InactiveThreshold: readIdle,
		Replicas:          1,
		MemoryStorage:     true,
	})
	if err != nil {
		return err
	}
	var got uint64 // messages that the consumer has delivered, as the server counts them
	for {
		before := got
		if err := r.batch(ctx, cons, &got); err != nil || r.stopped {
			return err
		}
		if got > before {
			continue
		}
		// Silence: nothing was sent, or it was sent and lost when a connection broke.
		one, cancel := context.WithTimeout(ctx, askWait)
		info, err := cons.Info(one)
		cancel()
		if err != nil {
			return err
		}
		if info.Delivered.Consumer != got {
			return errGap
		}
	}
}

// batch reads the answers to one request.
func (r *reader) batch(ctx context.Context, cons jetstream.Consumer, got *uint64) error {
	// The end of open ends the library's goroutine, whose messages are not needed any more.
	open, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	batch, err := cons.Fetch(readBatch, jetstream.FetchContext(open))
	if err != nil {
		return err
	}
	for m := range batch.Messages() {
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		if meta.Sequence.Consumer != *got+1 {
			return errGap
		}
		*got++
		r.next = meta.Sequence.Stream + 1
		if !r.yield(stored{m, meta.Sequence.Stream, meta.NumPending}, nil) {
			r.stopped = true
			return nil
		}
	}
	if err := batch.Error(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return ctx.Err()
}
