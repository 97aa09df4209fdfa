//go:build heddle_model

package rt

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/heddle-go/heddle/internal/explore"
)

// TestModelLives: a goroutine uses the Ctx of a task that ends, while its descriptor begins to
// serve another task, which is under a context that has ended with another error, and which is
// cancelled for it. The goroutine sees nothing of that task, and does nothing to it.
func TestModelLives(t *testing.T) {
	other := errors.New("of the other task")
	expired, stop := context.WithDeadlineCause(context.Background(), time.Unix(0, 0), other)
	defer stop()
	uses := map[string]func(c *Ctx) error{
		"Err": func(c *Ctx) error {
			if err := c.Err(); err != nil && err != context.Canceled {
				return err
			}
			return nil
		},
		"Cause": func(c *Ctx) error {
			if err := c.Cause(); err != nil && err != context.Canceled {
				return err
			}
			return nil
		},
		"Status": func(c *Ctx) error {
			if c.Status().Cancelled() {
				return errors.New("cancelled")
			}
			return nil
		},
		"EachParent": func(c *Ctx) (err error) {
			c.EachParent(func(p context.Context) bool { err = context.Cause(p); return true })
			return err
		},
		"AfterDone": func(c *Ctx) error {
			if _, ok := c.AfterDone(func() {}); ok && c.Task().Gen() != c.Life() {
				return errors.New("registered with the other task")
			}
			return nil
		},
		"Family": func(c *Ctx) error {
			if in := c.Family(); in != nil {
				return errors.New("the other task's inner context")
			}
			return nil
		},
	}
	for name, use := range uses {
		t.Run(name, func(t *testing.T) {
			explore.Run(t, explore.Config{Preemptions: explore.Unbounded}, func(m *explore.Model) {
				d := &NewChunk().D[0]
				d.Init(&Worker{Shared: &Shared{}})
				d.Start("fn", nil)
				c := d.Ctx()
				var err error
				m.Thread("goroutine", func() { err = use(c) })
				m.Thread("worker", func() {
					if _, free := d.Finish(Returned); !free {
						return // the goroutine has made the descriptor stay
					}
					d.Start("fn", &Extra{Owner: expired})
					d.SetCause(d.Gen(), other, true)
					d.Cancel(d.Gen(), Custom)
				})
				m.Check(func() error { return err })
			})
		})
	}
}
