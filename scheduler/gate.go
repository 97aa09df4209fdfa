package scheduler

import (
	"context"

	"github.com/heddle-go/heddle/internal/rt"
)

// A gate is a scheduler as its tasks, and what package task has for them, see it: what they need is not for users.
type gate Scheduler

var _ rt.Scheduler = (*gate)(nil)

// Gate is for the other packages of this module, which reach the scheduler by what it returns.
func (s *Scheduler) Gate() rt.Scheduler {
	s.check()
	return (*gate)(s)
}

func (g *gate) of() *Scheduler { return (*Scheduler)(g) }

// Is implements rt.Scheduler.
func (g *gate) Is(on any) bool { return on == any(g.of()) }

// Inject implements rt.Scheduler.
func (g *gate) Inject(d *rt.Desc) { g.of().inject(d) }

// Admit implements rt.Scheduler.
func (g *gate) Admit(by context.Context, fn any, x *rt.Ext) (*rt.Desc, uint32, error) {
	return g.of().request(by, fn, x)
}

// Block implements rt.Scheduler.
func (g *gate) Block(j rt.Job) { g.of().giveJob(j) }

// Assist implements rt.Scheduler.
func (g *gate) Assist(f func()) { g.of().assist(f) }

// Timers implements rt.Scheduler.
func (g *gate) Timers() rt.Timers { return &g.timers }
