package schednats_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/heddle-go/heddle/scheduler/schednats"
	"github.com/heddle-go/heddle/task"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// A job that fails comes again, and becomes a dead letter in the end. So does one that panics, or
// calls runtime.Goexit, and at once one that says so.
func TestDeadLetters(t *testing.T) {
	f := start(t, schednats.Config{})
	f.submit(job{ID: "late", Value: 1}, job{ID: "never", Value: 2}, job{ID: "panics", Value: 3},
		job{ID: "at-once", Value: 4})
	stop := f.serve(schednats.Options{MaxDeliver: 3}, func(c *task.Ctx, j job) (string, error) {
		switch {
		case j.Value == 1 && j.Delivery == 3:
			return "at last", nil
		case j.Value == 3:
			panic("bad job")
		case j.Value == 4:
			return "", errors.Join(schednats.ErrDead, errors.New("hope\r\nless"))
		}
		return "", errors.New("not yet")
	})
	all := f.outcomes(4)
	require.Equal(t, "at last", all["late"].Value)
	require.ErrorIs(t, all["never"].Err, schednats.ErrDead)
	require.ErrorContains(t, all["never"].Err, "not yet")
	require.ErrorContains(t, all["panics"].Err, "handler panicked: bad job")
	require.ErrorContains(t, all["at-once"].Err, "hope  less")
	f.eventually(func() bool { return f.n.Dead.Load() == 3 })
	require.NoError(t, stop())
	letters, err := f.q.DeadLetters(f.ctx)
	require.NoError(t, err)
	delivery := map[string]string{}
	for _, l := range letters {
		delivery[l.ID] = l.Header.Get("Heddle-Delivery") + " " + string(l.Data) + " " + l.Subject
	}
	require.Equal(t, map[string]string{
		"never": "3 2 q.jobs.b.never", "panics": "3 3 q.jobs.b.panics",
		"at-once": "1 4 q.jobs.b.at-once",
	}, delivery)
}

// A job whose processes died with it becomes a dead letter without being run once more.
func TestDeliveredTooOften(t *testing.T) {
	f := start(t, schednats.Config{})
	f.submit(job{ID: "x"})
	cons, err := f.js.Consumer(f.ctx, "q_JOBS", "workers")
	require.NoError(t, err)
	for range 2 {
		m, err := cons.Next(jetstream.FetchMaxWait(limit))
		require.NoError(t, err)
		require.NoError(t, m.Nak())
	}
	stop := f.serve(schednats.Options{MaxDeliver: 2}, returnOK)
	require.ErrorContains(t, f.outcomes(1)["x"].Err, "delivered 2 times without an outcome")
	require.NoError(t, stop())
	require.Zero(t, f.n.Executed.Load())
}

func TestGarbage(t *testing.T) {
	f := start(t, schednats.Config{})
	for _, subject := range []string{"q.jobs.b.broken", "q.jobs.b", "q.jobs.b.too.long"} {
		_, err := f.js.Publish(f.ctx, subject, []byte("{"))
		require.NoError(t, err)
	}
	_, err := f.js.PublishMsg(f.ctx, &nats.Msg{
		Subject: "q.jobs.b.when", Data: []byte("1"), Header: nats.Header{"Heddle-Deadline": {"soon"}},
	})
	require.NoError(t, err)
	f.submit(job{ID: "good", Value: 1})
	var calls atomic.Int64
	stop := f.serve(schednats.Options{}, func(*task.Ctx, job) (string, error) {
		calls.Add(1)
		return "ok", nil
	})
	require.Equal(t, "ok", f.outcomes(3)["good"].Value)
	f.eventually(func() bool { return f.n.Dead.Load() == 4 })
	require.NoError(t, stop())
	require.EqualValues(t, 1, calls.Load())
	letters, err := f.q.DeadLetters(f.ctx)
	require.NoError(t, err)
	require.Len(t, letters, 4)
	for _, l := range letters {
		require.NotEmpty(t, l.Reason)
	}
}

// Sizes beyond the server's max_payload: a job is refused, a result makes the job a dead letter.
func TestPayloadTooLarge(t *testing.T) {
	f := start(t, schednats.Config{}, func(o *server.Options) {
		o.MaxPayload, o.MaxPending = 4096, 1<<20
	})
	big, err := schednats.Bind[string, string](f.ctx, f.js, "q")
	require.NoError(t, err)
	err = big.Submit(f.ctx,
		schednats.Job[string]{Batch: "b", ID: "huge", Value: strings.Repeat("x", 5000)})
	require.ErrorIs(t, err, nats.ErrMaxPayload)
	require.ErrorContains(t, err, `job "huge"`)
	f.submit(job{ID: "large"}, job{ID: "small", Value: 1})
	f.serve(schednats.Options{}, func(_ *task.Ctx, j job) (string, error) {
		if j.Value == 1 {
			return "ok", nil
		}
		return strings.Repeat("x", 5000), nil
	})
	all := f.outcomes(2)
	require.Equal(t, "ok", all["small"].Value)
	require.ErrorContains(t, all["large"].Err, "result of 5002 bytes")
}
