package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
)

// When all is over, no goroutine is owed a P.
func TestNobodyIsOwed(t *testing.T) {
	s := open(t, withWorkers(1), withQueueLimit(1, Block))
	const submitters = 5
	done := make(chan struct{})
	for range submitters {
		go func() {
			for range 200 {
				s.Go(func(c *task.Ctx) { c.Yield() })
			}
			done <- struct{}{}
		}()
	}
	for range submitters {
		<-done
	}
	require.NoError(t, s.Wait(within(t)))
	testkit.Until(t, "no goroutine is owed a P", func() bool { return s.shared.ReadyGoroutines.Load() == 0 })
}

// Blocking's goroutines are owed a P when they start, and when they are woken, and no longer once
// they run. newStage looks at the count.
func TestBlockersOweNothing(t *testing.T) {
	g := newStage(t)
	for range 3 {
		h := g.Go(func(c *task.Ctx) {
			for range 20 {
				if err := c.BlockingOrAbandon(func() {}); err != nil {
					panic(err)
				}
			}
		})
		require.NoError(t, h.Wait())
		// The count becomes 0, so that the end of the scheduler does not wait for it.
		if n := g.shared.ReadyGoroutines.Swap(0); n != 0 {
			t.Fatalf("%d goroutines are owed a P", n)
		}
	}
}
