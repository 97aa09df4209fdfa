package tsync

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEvent(t *testing.T) {
	each(t, func(w *world) {
		var e Event
		for range 3 {
			require.False(w.t, e.IsSet())
			value := 0
			for range 3 {
				w.start(func(ctx context.Context) { w.check(e.WaitContext(ctx) == nil && value == 1, "%d", value) })
			}
			gone := w.start(func(ctx context.Context) { w.check(errors.Is(e.WaitContext(ctx), errStop), "Wait") })
			untilWaiting(&e.mu, &e.queue, 4)
			gone.cancel(errStop)
			<-gone.done
			value = 1
			e.Set()
			e.Set()
			w.wait()
			require.NoError(w.t, e.WaitContext(bg))
			e.Reset()
		}
	})
}
