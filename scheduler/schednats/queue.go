package schednats

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Config describes a queue's streams on the server.
type Config struct {
	// Name begins the names of the queue's streams and subjects. It consists of letters, digits,
	// '-' and '_'.
	Name string
	// Replicas is the number of servers that keep each message, 1 to 5. The default is 1.
	Replicas int
	// InMemory keeps the streams in the servers' memory. By default they are in files.
	InMemory bool
	// AckWait is how long the server waits for a sign of life of a job before it delivers the job
	// again, at least 100 ms. The default is 30 s.
	AckWait time.Duration
	// MaxAckPending bounds the jobs that all processes together hold, at least 1. Make it the
	// number of processes times [Options.Prefetch]. The default is 4096.
	MaxAckPending int
	// MaxBytes bounds each stream's size on the server in bytes. 0, the default, means no bound.
	// A full job stream makes Submit fail; a full result stream makes Serve wait.
	MaxBytes int64
	// Duplicates is for how long the server remembers the ID of a job to refuse a second
	// submission, at least 100 ms. The default is 2 minutes. A later second submission is executed
	// again, and its result is refused.
	Duplicates time.Duration
	// Codec encodes jobs and results. Submitters and workers need the same. The default is [JSON].
	Codec Codec
}

func (cfg *Config) check() error {
	if err := checkToken("Config.Name", cfg.Name); err != nil {
		return err
	}
	if cfg.Replicas == 0 {
		cfg.Replicas = 1
	}
	if cfg.AckWait == 0 {
		cfg.AckWait = 30 * time.Second
	}
	if cfg.MaxAckPending == 0 {
		cfg.MaxAckPending = 4096
	}
	if cfg.Duplicates == 0 {
		cfg.Duplicates = 2 * time.Minute
	}
	const least = 100 * time.Millisecond
	switch {
	case cfg.Replicas < 1 || cfg.Replicas > 5:
		return fmt.Errorf("schednats: Config.Replicas is %d, want 1 to 5", cfg.Replicas)
	case cfg.AckWait < least:
		return fmt.Errorf("schednats: Config.AckWait is %v, want at least %v", cfg.AckWait, least)
	case cfg.MaxAckPending < 1:
		return fmt.Errorf("schednats: Config.MaxAckPending is %d, want at least 1", cfg.MaxAckPending)
	case cfg.MaxBytes < 0:
		return fmt.Errorf("schednats: Config.MaxBytes is %d, want at least 0", cfg.MaxBytes)
	case cfg.Duplicates < least:
		return fmt.Errorf("schednats: Config.Duplicates is %v, want at least %v",
			cfg.Duplicates, least)
	}
	return nil
}

// maxToken bounds names and IDs in bytes. The server's limit for a whole subject is 4 KiB.
const maxToken = 255

// checkToken reports whether s can be one token of a subject.
func checkToken(what, s string) error {
	ok := s != "" && len(s) <= maxToken
	for i := 0; i < len(s) && ok; i++ {
		c := s[i]
		ok = 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			c == '-' || c == '_'
	}
	if ok {
		return nil
	}
	return fmt.Errorf("schednats: %s is %.300q, want 1 to %d letters, digits, '-' and '_'",
		what, s, maxToken)
}

// A Queue holds jobs with values of type J until their results of type R are recorded. Make one
// with [Create] or [Bind]. Its methods block the calling goroutine: a task calls them in
// [task.Ctx.Blocking]. They may be called by several goroutines at the same time.
//
// A request that the server does not answer, because it is away or its cluster has no leader, is
// sent again until the method's context ends, or for 30 seconds if that has no deadline.
//
// Make the JetStream context with jetstream.WithPublishAsyncTimeout, of 10 s for example. Otherwise
// messages that no server has answered, because a cluster's leader died, count against its
// bound for messages under way for ever.
type Queue[J, R any] struct {
	name    string
	codec   Codec
	ackWait time.Duration
	js      jetstream.JetStream
	jobs    jetstream.Stream
	done    jetstream.Stream
	dead    jetstream.Stream
	cons    jetstream.Consumer
}

const workers = "workers" // the durable consumer that all processes share

func jobStream(name string) string  { return name + "_JOBS" }
func doneStream(name string) string { return name + "_DONE" }
func deadStream(name string) string { return name + "_DEAD" }

func (q *Queue[J, R]) jobSubject(batch, id string) string {
	return q.name + ".jobs." + batch + "." + id
}
func (q *Queue[J, R]) doneSubject(batch, id string) string {
	return q.name + ".done." + batch + "." + id
}
func (q *Queue[J, R]) deadSubject(batch, id string) string {
	return q.name + ".dead." + batch + "." + id
}
func (q *Queue[J, R]) dropSubject() string { return q.name + ".drop" }

// Create makes the streams of the queue cfg.Name, or changes existing ones to what cfg says, and
// returns the queue. It fails if cfg is wrong, if ctx ends, or with the server's error.
func Create[J, R any](
	ctx context.Context, js jetstream.JetStream, cfg Config,
) (*Queue[J, R], error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	stream := func(name, kind string, keep jetstream.RetentionPolicy) error {
		sc := jetstream.StreamConfig{
			Name:        name,
			Subjects:    []string{cfg.Name + "." + kind + ".>"},
			Retention:   keep,
			Discard:     jetstream.DiscardNew,
			Replicas:    cfg.Replicas,
			Duplicates:  cfg.Duplicates,
			AllowDirect: true,
		}
		if cfg.InMemory {
			sc.Storage = jetstream.MemoryStorage
		}
		if cfg.MaxBytes > 0 {
			sc.MaxBytes = cfg.MaxBytes
		}
		if err := ask(ctx, func(ctx context.Context) error {
			_, err := js.CreateOrUpdateStream(ctx, sc)
			return err
		}); err != nil {
			return fmt.Errorf("schednats: create stream %s: %w", name, err)
		}
		return nil
	}
	err := stream(jobStream(cfg.Name), "jobs", jetstream.WorkQueuePolicy)
	if err == nil {
		err = stream(doneStream(cfg.Name), "done", jetstream.LimitsPolicy)
	}
	if err == nil {
		err = stream(deadStream(cfg.Name), "dead", jetstream.LimitsPolicy)
	}
	if err != nil {
		return nil, err
	}
	if err := ask(ctx, func(ctx context.Context) error {
		_, err := js.CreateOrUpdateConsumer(ctx, jobStream(cfg.Name), jetstream.ConsumerConfig{
			Durable:       workers,
			AckPolicy:     jetstream.AckExplicitPolicy,
			AckWait:       cfg.AckWait,
			MaxAckPending: cfg.MaxAckPending,
			MaxDeliver:    -1, // Serve counts, because it also has to record the dead letter
		})
		return err
	}); err != nil {
		return nil, fmt.Errorf("schednats: create consumer of %s: %w", jobStream(cfg.Name), err)
	}
	return BindCodec[J, R](ctx, js, cfg.Name, cfg.Codec)
}

// Bind returns the queue name that Create has made, with the codec [JSON]. It fails if the queue
// does not exist, if ctx ends, or with the server's error.
func Bind[J, R any](
	ctx context.Context, js jetstream.JetStream, name string,
) (*Queue[J, R], error) {
	return BindCodec[J, R](ctx, js, name, nil)
}

// BindCodec is Bind with another codec. If codec is nil, it is [JSON].
func BindCodec[J, R any](
	ctx context.Context, js jetstream.JetStream, name string, codec Codec,
) (*Queue[J, R], error) {
	if err := checkToken("name", name); err != nil {
		return nil, err
	}
	if codec == nil {
		codec = JSON
	}
	q := &Queue[J, R]{name: name, codec: codec, js: js}
	for _, s := range []struct {
		name string
		to   *jetstream.Stream
	}{{jobStream(name), &q.jobs}, {doneStream(name), &q.done}, {deadStream(name), &q.dead}} {
		if err := ask(ctx, func(ctx context.Context) (err error) {
			*s.to, err = js.Stream(ctx, s.name)
			return err
		}); err != nil {
			return nil, fmt.Errorf("schednats: stream %s: %w", s.name, err)
		}
	}
	if err := ask(ctx, func(ctx context.Context) (err error) {
		q.cons, err = js.Consumer(ctx, jobStream(name), workers)
		return err
	}); err != nil {
		return nil, fmt.Errorf("schednats: consumer of %s: %w", jobStream(name), err)
	}
	q.ackWait = q.cons.CachedInfo().Config.AckWait
	return q, nil
}

// parseJob splits the subject of a job.
func (q *Queue[J, R]) parseJob(subject string) (batch, id string, err error) {
	rest, ok := strings.CutPrefix(subject, q.name+".jobs.")
	batch, id, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 || checkToken("", batch) != nil || checkToken("", id) != nil {
		return "", "", fmt.Errorf("schednats: subject %.300q names no batch and job", subject)
	}
	return batch, id, nil
}

// Backlog is what a queue holds at about one moment.
type Backlog struct {
	Waiting     uint64 // jobs not delivered yet
	InFlight    int    // jobs that processes hold
	Redelivered int    // of those, jobs delivered more than once
	Outcomes    uint64 // outcomes recorded, dead letters included
	Dead        uint64 // dead letters
}

// Backlog asks the server what the queue holds.
func (q *Queue[J, R]) Backlog(ctx context.Context) (Backlog, error) {
	var (
		cons       *jetstream.ConsumerInfo
		done, dead *jetstream.StreamInfo
	)
	if err := ask(ctx, func(ctx context.Context) (err error) {
		if cons, err = q.cons.Info(ctx); err != nil {
			return err
		}
		if done, err = q.done.Info(ctx); err != nil {
			return err
		}
		dead, err = q.dead.Info(ctx)
		return err
	}); err != nil {
		return Backlog{}, fmt.Errorf("schednats: backlog: %w", err)
	}
	return Backlog{
		Waiting:     cons.NumPending,
		InFlight:    cons.NumAckPending,
		Redelivered: cons.NumRedelivered,
		Outcomes:    done.State.Msgs,
		Dead:        dead.State.Msgs,
	}, nil
}

// Delete deletes the queue with its jobs, outcomes and dead letters. Processes that serve it get
// errors from then on. A queue that is deleted already is no error.
func (q *Queue[J, R]) Delete(ctx context.Context) error {
	var errs []error
	for _, name := range []string{jobStream(q.name), doneStream(q.name), deadStream(q.name)} {
		err := ask(ctx, func(ctx context.Context) error {
			if err := q.js.DeleteStream(ctx, name); !errors.Is(err, jetstream.ErrStreamNotFound) {
				return err
			}
			return nil
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("schednats: delete stream %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// refused reports whether the server refused a message because its subject already has one that is
// stored for good.
func refused(err error) bool {
	var e *jetstream.APIError
	return errors.As(err, &e) && e.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence
}

// undecided reports whether the server refused a message because another one on the subject is on
// its way to the other servers of a cluster. That one is lost if its leader dies before a majority
// has it. So a job with this answer is not done yet.
func undecided(err error) bool {
	var e *jetstream.APIError
	return errors.As(err, &e) && e.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant
}
