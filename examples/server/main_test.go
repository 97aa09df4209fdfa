package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heddle-go/heddle/internal/balance"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/scheduler/schedhttp"
)

func TestMain(m *testing.M) {
	balance.Watch()
	goleak.VerifyTestMain(m)
}

// short returns the arguments for a very short load.
func short(more ...string) []string {
	return append([]string{"-for", "120ms", "-work", "300µs", "-queue", "4", "-loads", "50,400", "-deadline", "1s"}, more...)
}

// run itself checks that everything is accounted for, and the test checks that run succeeds. It
// checks no times, which are for the reader of the output.
func TestRun(t *testing.T) {
	for i, p := range []string{"block", "reject", "caller-runs", "drop-oldest"} {
		var out, errs bytes.Buffer
		args := short("-policy", p, "-workers", strconv.Itoa(1+i))
		require.Equal(t, 0, run(context.Background(), args, &out, &errs), "%s%s", &out, &errs)
		for _, part := range []string{
			"policy " + p, "heddle ", "a goroutine a request", "goroutines and a semaphore", "heddle, stopped in the middle",
			"requests in the service", "0 queued", "at 50%: ", "at 400%: ",
		} {
			require.Contains(t, out.String(), part)
		}
	}
}

// TestStoppedInTheMiddle checks that a service that is stopped in the middle of the load answers
// every request it has received, and leaves no task behind.
func TestStoppedInTheMiddle(t *testing.T) {
	var errs bytes.Buffer
	set, err := parse(short(), &errs)
	require.NoError(t, err)
	j := newJob(set.work)
	for _, make := range []func(settings, job) (backend, error){newHeddle, newGoroutines, newSemaphore} {
		b, err := make(set, j)
		require.NoError(t, err)
		s, err := serve(b, set.deadline)
		require.NoError(t, err)
		r, err := underLoad(context.Background(), s, set, j, 2000, true, "test", &errs)
		require.NoError(t, err)
		require.NoError(t, r.check(s))
		c := r.client
		require.Positive(t, s.answered.Load(), "the service stopped after an answer")
		require.Positive(t, c.unanswered.Load(), "the load went on after the stop")
		require.Equal(t, c.sent.Load(), c.answered.Load()+c.shed.Load()+c.late.Load()+c.unanswered.Load())
		require.Equal(t, s.received.Load(), s.answered.Load()+s.shed.Load()+s.late.Load()+s.gone.Load())
		require.LessOrEqual(t, c.answered.Load(), s.answered.Load())
		require.EqualValues(t, c.answered.Load(), len(c.normal)+len(c.urgent))
		require.Equal(t, r.begun, r.returned)
		if h, ok := b.(*onHeddle); ok {
			st := h.sched.Stats()
			require.Equal(t, st.Spawned, st.Finished)
			require.GreaterOrEqual(t, st.Spawned, uint64(s.answered.Load()))
			require.Equal(t, uint64(s.shed.Load()), st.Rejected)
		}
	}
}

// TestDeadline checks that a deadline ends the queued requests and the one that is being computed.
func TestDeadline(t *testing.T) {
	var errs bytes.Buffer
	set, err := parse([]string{"-workers", "1", "-deadline", "20ms"}, &errs)
	require.NoError(t, err)
	j := newJob(set.work)
	j.rounds = 1 << 30 // without the deadline this would take for ever
	for _, make := range []func(settings, job) (backend, error){newHeddle, newGoroutines, newSemaphore} {
		b, err := make(set, j)
		require.NoError(t, err)
		s, err := serve(b, set.deadline)
		require.NoError(t, err)
		c := &client{url: s.url}
		for range 3 {
			c.send(context.Background(), time.Now(), true)
		}
		require.EqualValues(t, 3, c.late.Load())
		require.EqualValues(t, 3, s.late.Load())
		require.NoError(t, s.stop(context.Background()))
		r := &result{client: c, begun: j.begun.Load(), returned: j.returned.Load()}
		require.NoError(t, r.check(s))
	}
}

// TestLook looks at the page under load until it has seen tasks of both kinds, and interrupts the
// program: everything is accounted for then, too.
func TestLook(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	out, w := io.Pipe()
	var errs bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, short("-look", "127.0.0.1:0"), w, &errs)
		w.Close()
	}()
	in := bufio.NewScanner(out)
	at := ""
	for at == "" && in.Scan() {
		_, at, _ = strings.Cut(in.Text(), "the page is at ")
	}
	require.NotEmpty(t, at, &errs)
	rest := make(chan string, 1)
	var second atomic.Bool // the second load has begun
	go func() {
		var text strings.Builder
		for in.Scan() {
			if strings.HasPrefix(in.Text(), "at 400%, ") {
				second.Store(true)
			}
			text.WriteString(in.Text() + "\n")
		}
		rest <- text.String()
	}()
	for _, name := range []string{"hash", "urgent hash"} {
		testkit.Until(t, name+" is seen", func() bool {
			r, err := http.Get(at + "api/v1/tasks?s=hashes")
			require.NoError(t, err)
			defer r.Body.Close()
			var list schedhttp.TaskList
			require.NoError(t, json.NewDecoder(r.Body).Decode(&list))
			return slices.ContainsFunc(list.Tasks, func(x schedhttp.Task) bool { return x.Name == name })
		})
	}
	testkit.Until(t, "the second load begins", second.Load)
	r, err := http.Get(at + "api/v1/sample")
	require.NoError(t, err)
	defer r.Body.Close()
	var sample schedhttp.Sample
	require.NoError(t, json.NewDecoder(r.Body).Decode(&sample))
	require.NotNil(t, sample.Schedulers[0].Latencies)
	require.NotZero(t, sample.Schedulers[0].Latencies.Queue.Count)
	testkit.Until(t, "the status shows the load and an error", func() bool {
		r, err := http.Get(strings.TrimSuffix(at, "debug/heddle/"))
		require.NoError(t, err)
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		return strings.Contains(string(text), "load: 400%, ") && strings.Contains(string(text), "last error: too busy\n")
	})
	http.DefaultClient.CloseIdleConnections()
	cancel()
	require.Equal(t, 130, <-code, &errs)
	text := <-rest
	require.Contains(t, text, "0 queued")
	require.Contains(t, errs.String(), "server: interrupted")

	require.Equal(t, 1, run(context.Background(), short("-look", "no address"), io.Discard, &errs))
	require.Contains(t, errs.String(), "server: -look: listen tcp: address no address: missing port in address")
	require.Equal(t, "localhost:6060", host("[::]:6060"))
	require.Equal(t, "127.0.0.1:6060", host("127.0.0.1:6060"))
}

// TestInterrupt interrupts the program before, while and after it measures. Each time it must stop,
// say so, and leave nothing behind.
func TestInterrupt(t *testing.T) {
	for _, after := range []time.Duration{0, 50 * time.Millisecond, 200 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(context.Background(), after)
		var out, errs bytes.Buffer
		require.Equal(t, 130, run(ctx, []string{"-for", "10m"}, &out, &errs), errs.String())
		cancel()
		require.Contains(t, errs.String(), "server: interrupted")
	}
}

func TestBadArguments(t *testing.T) {
	for arg, want := range map[string]string{
		"-for 1ms":      "-for 1ms: want 50ms to 1h",
		"-for long":     "invalid value",
		"-workers 0":    "-workers 0: want 1 to 1024",
		"-queue 0":      "-queue 0: want 1 to ",
		"-policy pray":  "want block, reject, caller-runs or drop-oldest",
		"-deadline 0s":  "-deadline 0s: want 1ms to",
		"-work 2s":      "-work 2s: want 10µs to 1s",
		"-loads NaN":    `"NaN": want per cents from 10 to 2000`,
		"-loads 50,9":   `"9": want per cents from 10 to 2000`,
		"-loads 50,,90": `"": want per cents from 10 to 2000`,
		"-loads 3000":   `invalid value "3000" for flag -loads`,
		"now":           `want flags only, not ["now"]`,
	} {
		var out, errs bytes.Buffer
		require.Equal(t, 2, run(context.Background(), strings.Fields(arg), &out, &errs), arg)
		require.Contains(t, errs.String(), want)
		require.Contains(t, errs.String(), "usage: server")
		require.Empty(t, out.String())
	}
	var out, errs bytes.Buffer
	require.Equal(t, 0, run(context.Background(), []string{"-h"}, &out, &errs))
	require.Contains(t, errs.String(), "usage: server")
	set, err := parse(nil, &errs)
	require.NoError(t, err)
	require.Equal(t, scheduler.Reject, set.policy)
	require.Equal(t, runtime.GOMAXPROCS(0), set.workers, "the scheduler's own default")
	require.Equal(t, []float64{50, 90, 150}, set.loads)
}
