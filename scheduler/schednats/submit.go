package schednats

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-go/heddle/task"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A Job is one piece of work. Batch and ID together name it: two jobs with the same names are the
// same job. They consist of letters, digits, '-' and '_', up to 255 of them.
type Job[J any] struct {
	Batch string
	ID    string
	Value J

	// Priority orders the jobs that a process holds: see [task.Priority].
	Priority task.Level
	// Deadline is when the job's task is cancelled, by the worker machine's clock. A job whose
	// deadline has passed becomes a dead letter. The zero time means none.
	Deadline time.Time
	// Header travels with the job, for example a trace context. Names that begin with "Heddle-" or
	// "Nats-", in any case, are reserved, and Submit refuses them. A delivered job has them.
	Header nats.Header
	// Delivery is 1 when the job is delivered for the first time. Submit ignores it.
	Delivery int
}

// The headers that schednats writes.
const (
	headerPriority = "Heddle-Priority"
	headerDeadline = "Heddle-Deadline"
	headerError    = "Heddle-Error"
	headerDelivery = "Heddle-Delivery"
	headerSubject  = "Heddle-Subject"
	headerCut      = "Heddle-Cut"
)

// reserved reports whether the server or schednats gives the header name a meaning.
func reserved(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "heddle-") || strings.HasPrefix(name, "nats-")
}

// submitChunk bounds the messages under way to the server. It stays below the default of
// jetstream.WithPublishAsyncMaxPending, which is 4000.
const submitChunk = 1024

// Submit stores jobs on the server. It blocks until the server has confirmed all of them or one has
// failed, and returns the first error. Then some of the jobs may have been stored. The caller
// submits all of them again, because the server ignores a job that it has seen in the last
// Config.Duplicates. Submit fails if ctx ends, if a job is wrong or larger than the server's
// max_payload, if the stream is full, or if the server does not answer within 10 seconds.
func (q *Queue[J, R]) Submit(ctx context.Context, jobs ...Job[J]) error {
	for len(jobs) > 0 {
		n := min(len(jobs), submitChunk)
		if err := q.submit(ctx, jobs[:n]); err != nil {
			return err
		}
		jobs = jobs[n:]
	}
	return nil
}

func (q *Queue[J, R]) submit(ctx context.Context, jobs []Job[J]) error {
	var first error
	futures := make([]jetstream.PubAckFuture, 0, len(jobs))
	for i := range jobs {
		f, err := q.publish(&jobs[i])
		if err != nil {
			first = fmt.Errorf("schednats: submit job %.300q: %w", jobs[i].ID, err)
			break
		}
		futures = append(futures, f)
	}
	limit := time.NewTimer(confirmWait)
	defer limit.Stop()
	for i, f := range futures {
		select {
		case <-f.Ok():
		case err := <-f.Err():
			if first == nil {
				first = fmt.Errorf("schednats: submit job %.300q: %w", jobs[i].ID, err)
			}
		case <-limit.C:
			if first == nil {
				first = fmt.Errorf("schednats: submit job %.300q: no answer: %w",
					jobs[i].ID, nats.ErrTimeout)
			}
			return first
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return first
}

func (q *Queue[J, R]) publish(j *Job[J]) (jetstream.PubAckFuture, error) {
	if err := checkToken("Job.Batch", j.Batch); err != nil {
		return nil, err
	}
	if err := checkToken("Job.ID", j.ID); err != nil {
		return nil, err
	}
	data, err := q.codec.Encode(j.Value)
	if err != nil {
		return nil, err
	}
	h := nats.Header{}
	for k, v := range j.Header {
		if reserved(k) {
			return nil, fmt.Errorf("Job.Header has the reserved name %.100q", k)
		}
		h[k] = v
	}
	switch j.Priority {
	case task.Normal:
	case task.High:
		h.Set(headerPriority, "high")
	case task.Low:
		h.Set(headerPriority, "low")
	default:
		return nil, fmt.Errorf("Job.Priority is %d, want task.Low, Normal or High", j.Priority)
	}
	if !j.Deadline.IsZero() {
		h.Set(headerDeadline, j.Deadline.UTC().Format(time.RFC3339Nano))
	}
	m := &nats.Msg{Subject: q.jobSubject(j.Batch, j.ID), Header: h, Data: data}
	// Other goroutines' messages may fill the client's bound for a while.
	return q.js.PublishMsgAsync(m, jetstream.WithMsgID(j.Batch+"."+j.ID),
		jetstream.WithStallWait(confirmWait))
}

// Drop ends a batch early. It deletes the batch's jobs from the server, and cancels those that
// processes hold with [ErrDropped]. A process that the message does not reach, because it is cut
// off just then, finishes its jobs and records them. Outcomes that are recorded stay, and jobs that
// are submitted afterwards are executed, unless they have the ID of a job of the batch that was
// submitted in the last Config.Duplicates. Drop fails if the server does not answer before ctx
// ends.
func (q *Queue[J, R]) Drop(ctx context.Context, batch string) error {
	if err := checkToken("batch", batch); err != nil {
		return err
	}
	fail := func(err error) error {
		return fmt.Errorf("schednats: drop batch %s: %w", batch, err)
	}
	var last uint64
	err := ask(ctx, func(ctx context.Context) error {
		info, err := q.jobs.Info(ctx)
		if err == nil {
			last = info.State.LastSeq
		}
		return err
	})
	if err != nil {
		return fail(err)
	}
	if err := ask(ctx, func(ctx context.Context) error {
		return q.jobs.Purge(ctx, jetstream.WithPurgeSubject(q.jobSubject(batch, "*")),
			jetstream.WithPurgeSequence(last+1))
	}); err != nil {
		return fail(err)
	}
	nc := q.js.Conn()
	if err := nc.Publish(q.dropSubject(), dropMessage(batch, last)); err != nil {
		return fail(err)
	}
	if err := ask(ctx, nc.FlushWithContext); err != nil {
		return fail(err)
	}
	return nil
}

// dropMessage tells the processes to drop the jobs of batch up to the sequence last of the job
// stream.
func dropMessage(batch string, last uint64) []byte {
	return []byte(batch + " " + strconv.FormatUint(last, 10))
}

func parseDrop(data []byte) (batch string, last uint64, err error) {
	batch, number, _ := strings.Cut(string(data), " ")
	if err := checkToken("batch", batch); err != nil {
		return "", 0, err
	}
	if last, err = strconv.ParseUint(number, 10, 64); err != nil {
		return "", 0, fmt.Errorf("schednats: drop batch %s: %w", batch, err)
	}
	return batch, last, nil
}
