package schednats

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrDead is in the Err of an outcome whose job has become a dead letter.
var ErrDead = errors.New("schednats: dead letter")

// An Outcome is what was recorded for a job: a result, or the reason why there is none.
type Outcome[R any] struct {
	Batch string
	ID    string
	Value R
	Err   error // nil, or an error that wraps ErrDead
}

// Results yields the outcomes of a batch, those that are recorded already first, in the order in
// which they were recorded, and then waits for further ones, without end. The caller leaves the
// loop when it has what it needs. When ctx ends, Results yields the cause as its last error. It
// waits through a server's restart. A result that cannot be decoded is yielded with the codec's
// error as the outcome's Err.
func (q *Queue[J, R]) Results(ctx context.Context, batch string) iter.Seq2[Outcome[R], error] {
	return func(yield func(Outcome[R], error) bool) {
		var none Outcome[R]
		if err := checkToken("batch", batch); err != nil {
			yield(none, err)
			return
		}
		msgs, err := q.follow(ctx, doneStream(q.name), q.doneSubject(batch, "*"))
		if err != nil {
			yield(none, err)
			return
		}
		defer msgs.Stop()
		for {
			m, err := next(ctx, msgs)
			if err != nil {
				yield(none, err)
				return
			}
			o := Outcome[R]{Batch: batch, ID: m.Subject()[strings.LastIndexByte(m.Subject(), '.')+1:]}
			if text := m.Headers().Get(headerError); text != "" {
				o.Err = fmt.Errorf("%w: %s", ErrDead, text)
			} else {
				o.Err = q.codec.Decode(m.Data(), &o.Value)
			}
			if !yield(o, nil) {
				return
			}
		}
	}
}

// Recorded returns the IDs of the batch's jobs that have an outcome now. A submitter that starts
// again leaves these jobs out, so that they are not executed a second time.
func (q *Queue[J, R]) Recorded(ctx context.Context, batch string) (map[string]bool, error) {
	if err := checkToken("batch", batch); err != nil {
		return nil, err
	}
	info, err := q.done.Info(ctx, jetstream.WithSubjectFilter(q.doneSubject(batch, "*")))
	if err != nil {
		return nil, fmt.Errorf("schednats: recorded outcomes of batch %s: %w", batch, err)
	}
	ids := make(map[string]bool, len(info.State.Subjects))
	for subject := range info.State.Subjects {
		ids[subject[strings.LastIndexByte(subject, '.')+1:]] = true
	}
	return ids, nil
}

func (q *Queue[J, R]) follow(ctx context.Context, stream, filter string) (jetstream.MessagesContext, error) {
	cons, err := q.js.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{FilterSubjects: []string{filter}})
	if err != nil {
		return nil, fmt.Errorf("schednats: read %s: %w", stream, err)
	}
	msgs, err := cons.Messages()
	if err != nil {
		return nil, fmt.Errorf("schednats: read %s: %w", stream, err)
	}
	return msgs, nil
}

// next waits through errors that the ordered consumer recovers from by itself.
func next(ctx context.Context, msgs jetstream.MessagesContext) (jetstream.Msg, error) {
	for {
		m, err := msgs.Next(jetstream.NextContext(ctx))
		switch {
		case err == nil:
			return m, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, jetstream.ErrNoHeartbeat):
			continue
		}
		return nil, fmt.Errorf("schednats: next message: %w", err)
	}
}

// A DeadLetter is a job that was given up.
type DeadLetter struct {
	Batch   string
	ID      string
	Subject string      // where the job was submitted
	Reason  string      // the last error
	Header  nats.Header // the job's, and schednats's own
	Data    []byte      // as submitted; nil if it does not fit beside the header
}

// DeadLetters returns the dead letters that the queue has now, the oldest first.
func (q *Queue[J, R]) DeadLetters(ctx context.Context) ([]DeadLetter, error) {
	info, err := q.dead.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("schednats: dead letters: %w", err)
	}
	if info.State.Msgs == 0 {
		return nil, nil
	}
	msgs, err := q.follow(ctx, deadStream(q.name), q.deadSubject("*", "*"))
	if err != nil {
		return nil, err
	}
	defer msgs.Stop()
	var all []DeadLetter
	for {
		m, err := next(ctx, msgs)
		if err != nil {
			return all, err
		}
		parts := strings.Split(m.Subject(), ".")
		all = append(all, DeadLetter{
			Batch: parts[len(parts)-2], ID: parts[len(parts)-1],
			Subject: m.Headers().Get(headerSubject), Reason: m.Headers().Get(headerError),
			Header: m.Headers(), Data: m.Data(),
		})
		meta, err := m.Metadata()
		if err != nil {
			return all, fmt.Errorf("schednats: dead letters: %w", err)
		}
		if meta.NumPending == 0 {
			return all, nil
		}
	}
}
