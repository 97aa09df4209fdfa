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
// waits through a server's restart and through the election of a cluster's leader, and ends with an
// error if the queue is deleted or the connection is closed. A result that cannot be decoded is
// yielded with the codec's error as the outcome's Err.
func (q *Queue[J, R]) Results(ctx context.Context, batch string) iter.Seq2[Outcome[R], error] {
	return func(yield func(Outcome[R], error) bool) {
		if err := checkToken("batch", batch); err != nil {
			yield(Outcome[R]{}, err)
			return
		}
		for m, err := range read(ctx, q.js, doneStream(q.name), q.doneSubject(batch, "*")) {
			if err != nil {
				yield(Outcome[R]{}, err)
				return
			}
			o := Outcome[R]{Batch: batch, ID: lastToken(m.Subject())}
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

func lastToken(subject string) string { return subject[strings.LastIndexByte(subject, '.')+1:] }

// Recorded returns the IDs of the batch's jobs that have an outcome now. A submitter that starts
// again leaves these jobs out, so that they are not executed a second time.
func (q *Queue[J, R]) Recorded(ctx context.Context, batch string) (map[string]bool, error) {
	if err := checkToken("batch", batch); err != nil {
		return nil, err
	}
	var info *jetstream.StreamInfo
	err := ask(ctx, func(ctx context.Context) (err error) {
		info, err = q.done.Info(ctx, jetstream.WithSubjectFilter(q.doneSubject(batch, "*")))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("schednats: recorded outcomes of batch %s: %w", batch, err)
	}
	ids := make(map[string]bool, len(info.State.Subjects))
	for subject := range info.State.Subjects {
		ids[lastToken(subject)] = true
	}
	return ids, nil
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
	last, err := q.lastDead(ctx)
	if err != nil || last == 0 {
		return nil, err
	}
	var all []DeadLetter
	for m, err := range read(ctx, q.js, deadStream(q.name), q.deadSubject("*", "*")) {
		if err != nil {
			return all, err
		}
		parts := strings.Split(m.Subject(), ".")
		all = append(all, DeadLetter{
			Batch: parts[len(parts)-2], ID: parts[len(parts)-1],
			Subject: m.Headers().Get(headerSubject), Reason: m.Headers().Get(headerError),
			Header: m.Headers(), Data: m.Data(),
		})
		// The server that answers may lag behind the leader, which said what the last one is. So an
		// empty rest is no end by itself, unless the last one was deleted meanwhile.
		if m.seq < last && m.pending == 0 {
			if last, err = q.lastDead(ctx); err != nil {
				return all, err
			}
		}
		if m.seq >= last {
			break
		}
	}
	return all, nil
}

// lastDead returns the sequence of the last dead letter, 0 if there is none.
func (q *Queue[J, R]) lastDead(ctx context.Context) (seq uint64, err error) {
	var info *jetstream.StreamInfo
	err = ask(ctx, func(ctx context.Context) (err error) {
		info, err = q.dead.Info(ctx)
		return err
	})
	switch {
	case err != nil:
		return 0, fmt.Errorf("schednats: dead letters: %w", err)
	case info.State.Msgs == 0:
		return 0, nil
	}
	return info.State.LastSeq, nil
}
