package task_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// TestWhy: a task that waits reports what it waits for.
func TestWhy(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(2))
	require.NoError(t, err)
	defer s.Close()
	hold := make(chan struct{})
	defer close(hold)
	hog := s.Go(func(*task.Ctx) { <-hold })
	left := make(chan struct{}) // ends the call that the WaitBlocking task leaves behind
	for want, wait := range map[rt.WaitReason]func(c *task.Ctx){
		rt.WaitReady: func(c *task.Ctx) { _ = c.Park() },
		rt.WaitJoin:  func(c *task.Ctx) { _ = hog.WaitContext(c) },
		rt.WaitSleep: func(c *task.Ctx) { _ = c.Sleep(time.Hour) },
		rt.WaitBlocking: func(c *task.Ctx) {
			_ = c.Blocking(func() { <-left })
		},
		rt.WaitResult: func(c *task.Ctx) {
			var p task.Completion[int]
			_, _ = p.WaitContext(c)
		},
		rt.WaitMembers: func(c *task.Ctx) {
			g := task.NewGroup(s)
			g.GoContext(c, func(c *task.Ctx) error { return c.Park() })
			_ = g.WaitContext(c)
		},
		rt.WaitPlace: func(c *task.Ctx) {
			g := task.NewGroup(s)
			g.SetLimit(1)
			g.GoContext(c, func(c *task.Ctx) error { return c.Park() })
			g.GoContext(c, func(c *task.Ctx) error { return nil })
		},
	} {
		t.Run(want.String(), func(t *testing.T) {
			its := make(chan *task.Ctx, 1)
			waits := s.Go(func(c *task.Ctx) { its <- c; wait(c) })
			c := <-its
			for waits.State() != task.Waiting {
				runtime.Gosched()
			}
			require.Equal(t, want, (*rt.Life)(c).Task().Status().WaitReason())
			waits.Cancel()
			if want == rt.WaitBlocking {
				close(left) // because a task ends only after the calls it has left behind
			}
			require.Error(t, waits.Wait())
		})
	}
}
