//go:build heddle_model

package task

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/explore"
)

// A placeModel takes the steps of place.go without tasks. Where a task would park, it blocks on the
// explorer.
type placeModel struct {
	g       *Group
	members []*member
	lend    func(m *member) *queued
}

// waiter puts a wait into q, and returns the wait and a function that blocks until it has been
// woken.
func (p *placeModel) waiter(q *waitQueue) (w *queued, wait func()) {
	woken := false
	w = &queued{mu: &p.g.mu, then: func(*Ctx) { woken = true }}
	q.Push(w)
	return w, func() { explore.Block("woken", func() bool { return woken }) }
}

// check checks the invariant of place.go. The caller holds mu.
func (p *placeModel) check() {
	places, asks := 0, 0
	for i, m := range p.members {
		if m.place {
			places++
		}
		if m.asks != nil {
			asks++
		}
		if m.place && (m.waits > 0 || m.asks != nil) {
			explore.Failf("member %d has a place, %d parts wait in groups, asks %t", i, m.waits, m.asks != nil)
		}
	}
	back := 0
	for w := p.g.back.First; w != nil; w = w.Next() {
		back++
	}
	if places > p.g.active || p.g.active > p.g.limit || back != asks {
		explore.Failf("%d places, %d active, limit %d, %d in back, %d ask", places, p.g.active, p.g.limit, back, asks)
	}
}

// wait is an operation of a group in which a part of m waits. The wait itself is empty: only the
// place matters. A cancelled part gives up (Place-P4) if it has not been woken.
func (p *placeModel) wait(m *member, cancelled bool) {
	g := p.g
	g.mu.Lock()
	w := p.lend(m)
	p.check()
	g.mu.Unlock()
	if w != nil {
		w.wake(nil)
	}

	g.mu.Lock()
	if m.takePlace() {
		p.check()
		g.mu.Unlock()
		return
	}
	own, wait := p.waiter(&g.back)
	m.ask(own)
	p.check()
	g.mu.Unlock()
	if !cancelled || !own.Withdraw() {
		wait()
	}
}

// end ends m.
func (p *placeModel) end(m *member) {
	if m.place {
		m.place = false
		p.g.release(nil)
	}
}

// forks models a group of limit 1. Its first member has several parts that wait in groups, and the
// first part joins the others. The other members have one part each, and start later.
func forks(parts, others int, cancelled bool, lend func(m *member) *queued) func(*explore.Model) {
	return func(x *explore.Model) {
		g := &Group{limited: true, limit: 1, active: 1}
		p := &placeModel{g: g, lend: lend}
		for range 1 + others {
			p.members = append(p.members, &member{g: g})
		}
		m := p.members[0]
		m.place = true
		done := 0
		for i := 1; i < parts; i++ {
			x.Thread(fmt.Sprint("part ", i), func() {
				p.wait(m, cancelled)
				done++
			})
		}
		x.Thread("part 0", func() {
			p.wait(m, false)
			explore.Block("join", func() bool { return done == parts-1 })
			p.end(m)
		})
		for i, n := range p.members[1:] {
			x.Thread(fmt.Sprint("member ", i+1), func() {
				g.mu.Lock()
				if g.active < g.limit {
					g.active++
					g.mu.Unlock()
				} else {
					_, wait := p.waiter(&g.more)
					g.mu.Unlock()
					wait()
				}
				n.place = true
				p.wait(n, false)
				p.end(n)
			})
		}
		x.Check(func() error {
			if g.active != 0 || g.back.First != nil || g.more.First != nil {
				return fmt.Errorf("%d active at the end", g.active)
			}
			return nil
		})
	}
}

func TestModelPlaces(t *testing.T) {
	c := explore.Config{Preemptions: 3}
	explore.Run(t, c, forks(2, 1, false, (*member).lendPlace))
	explore.Run(t, c, forks(2, 1, true, (*member).lendPlace))
	c.Preemptions = 1
	explore.Run(t, c, forks(3, 1, false, (*member).lendPlace))
	explore.Run(t, c, forks(2, 2, true, (*member).lendPlace))
}

// Suppose that a part that waits for the place stayed in back when another part lends. Then two
// parts of one member would wait in back. The first would get the place and join the second, which
// would wait for the place that its own member has.
func TestModelPlacesTwoOfOneMember(t *testing.T) {
	_, failure := explore.Check(explore.Config{Preemptions: 3}, forks(2, 1, false, func(m *member) *queued {
		m.waits++
		if !m.place {
			return nil
		}
		m.place = false
		return m.g.pass()
	}))
	require.NotNil(t, failure)
	require.Contains(t, failure.Message, "2 in back")
}
