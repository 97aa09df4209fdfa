package schednats_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/scheduler/schednats"
	"github.com/heddle-go/heddle/task"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// embedded starts a NATS server with JetStream in this process. A program that uses a server or a
// cluster that exists needs only the last two steps, with another URL.
func embedded() (js jetstream.JetStream, stop func()) {
	dir, err := os.MkdirTemp("", "schednats-")
	if err != nil {
		log.Fatal(err)
	}
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	go s.Start()
	if !s.ReadyForConnections(limit) {
		log.Fatal("the server is not ready")
	}
	nc, err := nats.Connect(s.ClientURL(), nats.MaxReconnects(-1))
	if err != nil {
		log.Fatal(err)
	}
	js, err = jetstream.New(nc)
	if err != nil {
		log.Fatal(err)
	}
	return js, func() {
		nc.Close()
		s.Shutdown()
		s.WaitForShutdown()
		_ = os.RemoveAll(dir)
	}
}

// Jobs are submitted, run as tasks, and their outcomes are read. In a real program these are three
// processes, and many of the second kind.
func Example() {
	js, stop := embedded()
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())

	// The submitter.
	q, err := schednats.Create[int, int](ctx, js, schednats.Config{Name: "squares"})
	if err != nil {
		log.Fatal(err)
	}
	var jobs []schednats.Job[int]
	for i := range 100 {
		jobs = append(jobs, schednats.Job[int]{Batch: "monday", ID: fmt.Sprint(i), Value: i})
	}
	if err := q.Submit(ctx, jobs...); err != nil {
		log.Fatal(err)
	}

	// The worker process. One number bounds what it holds.
	const prefetch = 16
	sched, err := scheduler.New(scheduler.WithQueueLimit(prefetch, scheduler.Block))
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()
	served := make(chan error, 1)
	go func() {
		served <- q.Serve(ctx, sched, func(c *task.Ctx, j schednats.Job[int]) (int, error) {
			return j.Value * j.Value, nil
		}, schednats.Options{Prefetch: prefetch})
	}()

	// The reader.
	sum, left := 0, len(jobs)
	for o, err := range q.Results(ctx, "monday") {
		if err != nil {
			log.Fatal(err)
		}
		if o.Err == nil {
			sum += o.Value
		}
		if left--; left == 0 {
			break
		}
	}
	fmt.Println("sum of squares:", sum)

	cancel() // the worker process drains
	fmt.Println("served:", <-served)
	// Output:
	// sum of squares: 328350
	// served: <nil>
}

// Drop cancels the jobs of a batch in all processes. The handler sees it in its context.
func ExampleQueue_Drop() {
	js, stop := embedded()
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())
	q, err := schednats.Create[string, string](ctx, js, schednats.Config{Name: "videos"})
	if err != nil {
		log.Fatal(err)
	}
	if err := q.Submit(ctx, schednats.Job[string]{Batch: "b", ID: "1", Value: "a.mp4"}); err != nil {
		log.Fatal(err)
	}
	sched, err := scheduler.New()
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()
	begun, cause := make(chan struct{}), make(chan error)
	served := make(chan error, 1)
	go func() {
		served <- q.Serve(ctx, sched, func(c *task.Ctx, j schednats.Job[string]) (string, error) {
			close(begun)
			<-c.Done() // a real handler looks at c.Err now and then
			cause <- c.Cause()
			return "", c.Cause()
		}, schednats.Options{})
	}()
	<-begun
	if err := q.Drop(ctx, "b"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-cause)
	cancel()
	fmt.Println(<-served)
	// Output:
	// schednats: batch dropped
	// <nil>
}

// A job that fails for good is listed with its reason.
func ExampleQueue_DeadLetters() {
	js, stop := embedded()
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())
	q, err := schednats.Create[int, int](ctx, js, schednats.Config{Name: "numbers"})
	if err != nil {
		log.Fatal(err)
	}
	if err := q.Submit(ctx, schednats.Job[int]{Batch: "b", ID: "bad", Value: -1}); err != nil {
		log.Fatal(err)
	}
	sched, err := scheduler.New()
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()
	served := make(chan error, 1)
	go func() {
		served <- q.Serve(ctx, sched, func(c *task.Ctx, j schednats.Job[int]) (int, error) {
			return 0, fmt.Errorf("value %d is negative: %w", j.Value, schednats.ErrDead)
		}, schednats.Options{})
	}()
	for o := range q.Results(ctx, "b") {
		fmt.Println(o.ID, "is dead:", o.Err != nil)
		break
	}
	cancel()
	fmt.Println(<-served)
	letters, err := q.DeadLetters(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, l := range letters {
		fmt.Println(l.Batch, l.ID, string(l.Data), l.Reason)
	}
	// Output:
	// bad is dead: true
	// <nil>
	// b bad -1 value -1 is negative: schednats: dead letter
}
