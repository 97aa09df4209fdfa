package tsync

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// TestCtxOfAnEarlierLife: the Ctx of a task that has ended ends the waits of each task that is
// given it, also of the task that the same descriptor serves now. No wait here would have to
// wait, so that a mistake fails and does not hang.
func TestCtxOfAnEarlierLife(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Go(func(c *task.Ctx) {
		var old []*task.Ctx
		waits := map[string]func(ctx context.Context) error{
			"Send": func(ctx context.Context) error {
				ch := NewChan[int](1)
				err := ch.Send(ctx, 1)
				assert.Zero(t, ch.Len(), "sent")
				return err
			},
			"Recv": func(ctx context.Context) error {
				ch := NewChan[int](1)
				_ = ch.TrySend(1)
				_, _, err := ch.Recv(ctx)
				assert.Equal(t, 1, ch.Len(), "received")
				return err
			},
			"Lock":  func(ctx context.Context) error { return new(Mutex).LockContext(ctx) },
			"Sleep": func(ctx context.Context) error { return task.Sleep(ctx, 1) },
		}
		addresses := map[string]bool{}
		for range 8 {
			_ = c.Go(func(c *task.Ctx) {
				for name, wait := range waits {
					for _, k := range old {
						assert.ErrorIs(t, wait(k), context.Canceled, name)
					}
					assert.NotErrorIs(t, waits["Lock"](c), context.Canceled)
				}
				old = append(old, c)
				addresses[c.Task().String()] = true
			}).Wait()
		}
		assert.Less(t, len(addresses), 8, "no descriptor has served again")
	}).Wait())
}
