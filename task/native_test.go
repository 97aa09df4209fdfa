package task_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

func TestReceive(t *testing.T) {
	asEach(t, func(t *testing.T, s *scheduler.Scheduler, ctx context.Context) {
		got := func(want int, wantOK bool, ch <-chan int) {
			t.Helper()
			v, ok, err := task.Receive(ctx, ch)
			assert.NoError(t, err)
			assert.Equal(t, wantOK, ok)
			assert.Equal(t, want, v)
		}
		buffered := make(chan int, 2)
		buffered <- 1
		got(1, true, buffered)
		time.AfterFunc(time.Millisecond, func() { buffered <- 2; close(buffered) })
		got(2, true, buffered)
		got(0, false, buffered)

		unbuffered := make(chan int)
		go func() {
			for i := range 100 {
				unbuffered <- i
			}
			close(unbuffered)
		}()
		for i := range 100 {
			got(i, true, unbuffered)
		}
		got(0, false, unbuffered)

		// If Receive gives up, it returns the cause and takes nothing.
		ch := make(chan int, 1)
		for _, c := range []chan int{ch, nil} {
			short, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(time.Millisecond, func() { cancel(errStop) })
			_, ok, err := task.Receive(short, c)
			assert.Equal(t, errStop, err)
			assert.False(t, ok)
		}
		ch <- 3
		ended, cancel := context.WithCancelCause(ctx)
		cancel(errStop)
		_, _, err := task.Receive(ended, ch)
		assert.Equal(t, errStop, err)
		got(3, true, ch)

		done, finish := context.WithCancel(context.Background())
		time.AfterFunc(time.Millisecond, finish)
		assert.NoError(t, task.AwaitDone(ctx, done.Done()))
		assert.NoError(t, task.AwaitDone(ctx, done.Done()))
		assert.Equal(t, errStop, task.AwaitDone(ended, done.Done()))
	})
}

// Tasks that wait for native channels hold no worker, and Close ends their waits.
func TestReceiveHoldsNoWorker(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		never, now := make(chan int), make(chan int)
		var ts []task.Task
		for range 20 {
			ts = append(ts, s.Go(func(c *task.Ctx) {
				_, _, err := task.Receive(c, never)
				assert.ErrorIs(t, err, task.ErrClosed)
			}))
		}
		ping := s.Go(func(c *task.Ctx) {
			v, ok, err := task.Receive(c, now)
			assert.True(t, ok)
			assert.Equal(t, 7, v)
			assert.NoError(t, err)
		})
		now <- 7
		require.NoError(t, ping.Wait())
		require.NoError(t, s.Close())
		for _, x := range ts {
			require.Equal(t, task.Done, x.State())
		}
	})
}

// Each value that is sent is received once, whichever task is cancelled meanwhile: by its handle,
// by a context, or by both.
func TestReceiveCancelStress(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		values := 2000
		if testing.Short() {
			values = 300
		}
		ch := make(chan int)
		var sum, took atomic.Int64
		var sender sync.WaitGroup
		sender.Go(func() {
			for i := range values {
				ch <- i
			}
			close(ch)
		})
		var receiver func(c *task.Ctx)
		var all sync.WaitGroup
		receiver = func(c *task.Ctx) {
			defer all.Done()
			ctx, cancel := context.WithCancel(c)
			defer cancel()
			for i := 0; ; i++ {
				var on context.Context = c
				if i%2 == 0 {
					on = ctx
				}
				v, ok, err := task.Receive(on, ch)
				if err != nil {
					break
				}
				if !ok {
					return
				}
				sum.Add(int64(v))
				took.Add(1)
				switch i % 5 {
				case 2:
					go c.Task().Cancel()
				case 3:
					go cancel()
				}
			}
			all.Add(1) // the new receiver
			c.Go(receiver)
		}
		for range 4 {
			all.Add(1)
			s.Go(receiver)
		}
		sender.Wait()
		all.Wait()
		require.EqualValues(t, values, took.Load())
		require.EqualValues(t, values*(values-1)/2, sum.Load())
	})
}

func ExampleReceive() {
	s, err := scheduler.New()
	if err != nil {
		panic(err)
	}
	defer s.Close()
	s.Go(func(c *task.Ctx) {
		ctx, cancel := context.WithTimeout(c, time.Hour)
		defer cancel()
		native := make(chan string)
		go func() { native <- "from a goroutine" }()
		fmt.Println(task.Receive(ctx, native))
	}).Wait()
	// Output: from a goroutine true <nil>
}

func ExampleAwaitDone() {
	s, err := scheduler.New()
	if err != nil {
		panic(err)
	}
	defer s.Close()
	other, cancel := context.WithCancel(context.Background())
	t := s.Go(func(c *task.Ctx) { fmt.Println(task.AwaitDone(c, other.Done())) })
	cancel()
	t.Wait()
	// Output: <nil>
}
