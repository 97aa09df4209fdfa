package engine

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/fiber"
	"github.com/heddle-go/heddle/task"
)

// A goroutine that has called functions for tasks is an ordinary one again before it ends, because
// the runtime's record of it may soon be another goroutine's.
func TestBlockersLeaveNoEntry(t *testing.T) {
	before := fiber.Entered()
	s := start(withWorkers(2))
	for i := range 8 {
		exits := i%2 == 0
		err := s.Go(func(c *task.Ctx) {
			err := c.BlockingOrAbandon(func() {
				if exits {
					runtime.Goexit()
				}
			})
			require.Equal(t, exits, err == task.ErrGoexit)
		}).Wait()
		require.NoError(t, err)
	}
	s.Close()
	require.Equal(t, before, fiber.Entered())
}
