package schednats_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/heddle-go/heddle/scheduler/schednats"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// record stores results as Serve does, without jobs.
func (f *fixture) record(from, to int) {
	f.t.Helper()
	for i := from; i < to; i++ {
		_, err := f.js.Publish(f.ctx, "q.done.b."+itoa(i), []byte(`"r`+itoa(i)+`"`))
		require.NoError(f.t, err)
	}
}

// through returns the queue as a client sees it whose connection passes through p.
func (f *fixture) through(p *proxy) *queue {
	f.t.Helper()
	nc, err := nats.Connect(p.url(), nats.MaxReconnects(-1), nats.ReconnectWait(time.Millisecond))
	require.NoError(f.t, err)
	f.t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(f.t, err)
	q, err := schednats.Bind[int, string](f.ctx, js, "q")
	require.NoError(f.t, err)
	return q
}

// A reader whose connection breaks again and again yields each outcome once, in order.
func TestResultsThroughBrokenConnections(t *testing.T) {
	f := start(t, schednats.Config{})
	const n = 800
	f.record(0, n)
	p := newProxy(t, f.nc.ConnectedUrl())
	got := 0
	for o, err := range f.through(p).Results(f.ctx, "b") {
		require.NoError(t, err)
		require.Equal(t, itoa(got), o.ID)
		require.Equal(t, "r"+itoa(got), o.Value)
		if got++; got == n {
			break
		}
		if got%300 == 1 {
			p.cut()
		}
	}
	require.Equal(t, n, got)
}

// A message that the server has sent, and that has not reached the reader, is read again, also if
// no later one shows the gap.
func TestResultsLostOnTheWay(t *testing.T) {
	f := start(t, schednats.Config{})
	outcomes := make(chan string)
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	go func() {
		for o, err := range f.q.Results(ctx, "b") {
			if err != nil {
				ended <- err
				return
			}
			outcomes <- o.ID
		}
	}()
	f.record(0, 1)
	require.Equal(t, "0", <-outcomes)
	name := f.reader()
	// Another client's request gets messages of the reader's consumer.
	inbox := f.nc.NewInbox()
	stolen := make(chan *nats.Msg, 1)
	_, err := f.nc.ChanSubscribe(inbox, stolen)
	require.NoError(t, err)
	next1 := "$JS.API.CONSUMER.MSG.NEXT.q_DONE." + name
	require.NoError(t, f.nc.PublishRequest(next1, inbox, []byte("1")))
	require.NoError(t, f.nc.Flush())
	next, read, lost := 1, 1, false
	for !lost {
		f.record(next, next+1)
		next++
		select {
		case id := <-outcomes:
			require.Equal(t, itoa(read), id)
			read++
		case <-stolen:
			lost = true
		}
	}
	for ; read < next; read++ {
		require.Equal(t, itoa(read), <-outcomes)
	}
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}

// reader waits until one consumer reads the outcomes, and returns its name.
func (f *fixture) reader() (name string) {
	f.t.Helper()
	stream, err := f.js.Stream(f.ctx, "q_DONE")
	require.NoError(f.t, err)
	f.eventually(func() bool {
		for name = range stream.ConsumerNames(f.ctx).Name() {
			return true
		}
		return false
	})
	return name
}

// A reader goes on when the server has lost its consumer, and ends with the queue.
func TestResultsConsumerGone(t *testing.T) {
	f := start(t, schednats.Config{})
	f.record(0, 1)
	got := 0
	for o, err := range f.q.Results(f.ctx, "b") {
		if got == 3 {
			require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
			got++
			break
		}
		require.NoError(t, err)
		require.Equal(t, itoa(got), o.ID)
		switch got++; got {
		case 3:
			require.NoError(t, f.q.Delete(f.ctx))
			require.NoError(t, f.q.Delete(f.ctx), "a second time")
		default:
			require.NoError(t, f.js.DeleteConsumer(f.ctx, "q_DONE", f.reader()))
			f.record(got, got+1)
		}
	}
	require.Equal(t, 4, got)
}

func TestResultsEnd(t *testing.T) {
	f := start(t, schednats.Config{})
	stop := errors.New("enough")
	ctx, cancel := context.WithCancelCause(f.ctx)
	cancel(stop)
	for _, err := range f.q.Results(ctx, "b") {
		require.ErrorIs(t, err, stop)
	}
	for _, err := range f.q.Results(f.ctx, "a.b") {
		require.ErrorContains(t, err, `batch is "a.b"`)
	}
	f.nc.Close()
	for _, err := range f.q.Results(f.ctx, "b") {
		require.ErrorIs(t, err, nats.ErrConnectionClosed)
	}
}

// Dead letters are all there, however many.
func TestDeadLettersComplete(t *testing.T) {
	f := start(t, schednats.Config{})
	none, err := f.q.DeadLetters(f.ctx)
	require.NoError(t, err)
	require.Empty(t, none)
	const n = 600 // several requests of a reader
	for i := range n {
		_, err := f.js.PublishMsg(f.ctx, &nats.Msg{
			Subject: "q.dead.b." + itoa(i), Header: nats.Header{"Heddle-Error": {"e" + itoa(i)}},
		})
		require.NoError(t, err)
	}
	all, err := f.q.DeadLetters(f.ctx)
	require.NoError(t, err)
	require.Len(t, all, n)
	for i, l := range all {
		require.Equal(t, []string{"b", itoa(i), "e" + itoa(i)}, []string{l.Batch, l.ID, l.Reason})
	}
}
