//go:build heddle_model

package fiber

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/explore"
)

// A finder is a table of fibers in a model, which chooses the records of its threads.
type finder struct {
	currentFibers
	leaveAs func(c *currentFibers, f *Fiber)
	held    map[uintptr]bool // the records that threads hold
}

func newFinder(m *explore.Model) *finder {
	c := &finder{held: map[uintptr]bool{}, leaveAs: (*currentFibers).leave}
	c.least = 2
	m.Check(func() error {
		if c.live != 0 {
			return fmt.Errorf("%d entries are left", c.live)
		}
		t := c.table.Load()
		for i := range t.tags {
			if t.fibers[i].Load() != nil || t.tags[i].Load() >= aTag {
				return fmt.Errorf("slot %d has an entry left", i)
			}
		}
		return nil
	})
	return c
}

// expect fails unless Current would return f on a goroutine with record g. It takes the steps of
// Current.
func (c *finder) expect(g uintptr, f *Fiber) {
	var found *Fiber
	if t := c.table.Load(); t != nil {
		found, _ = t.find(g)
	}
	if found != f {
		explore.Failf("record %#x: found %p, want %p", g, found, f)
	}
}

// acquire waits until no other thread holds the record g. In the same way the Go runtime gives a
// new goroutine the record of one that has ended.
func (c *finder) acquire(g uintptr) {
	explore.Block("the record is free", func() bool { return !c.held[g] })
	c.held[g] = true
}

// goroutine is the life of a goroutine with record g: it is not a fiber, then it is one, and then
// it is not a fiber again.
func (c *finder) goroutine(g uintptr) {
	c.acquire(g)
	defer delete(c.held, g)
	c.expect(g, nil)
	f := &Fiber{g: g}
	c.enter(f)
	c.expect(g, f)
	c.leaveAs(&c.currentFibers, f)
	c.expect(g, nil)
}

// collide returns n records that have the same first slot in tables of up to 1<<bits slots.
func collide(n int, bits uint) (gs []uintptr) {
	at := func(g uintptr) uint64 { i, _ := (&table{shift: 64 - bits}).place(g); return i }
	for g := uintptr(1 << 20); len(gs) < n; g += 64 {
		if at(g) == at(1<<20) {
			gs = append(gs, g)
		}
	}
	return gs
}

// A story is a model of the table. The fibers with the records stay remain in the table until all
// other threads have ended. Beside them, goroutines with the records come enter and leave, one
// after the other where a record occurs twice. The first of the fibers that stay looks itself up
// lookups times meanwhile.
type story struct {
	lookups    int
	stay, come []uintptr
	// goes are fibers that were in the table before. All but one have left, and when the last one
	// leaves, the table shrinks.
	goes  []uintptr
	plant func(c *finder)
}

func (x story) model(m *explore.Model) {
	c := newFinder(m)
	if x.plant != nil {
		x.plant(c)
	}
	enter := func(gs []uintptr) (fs []*Fiber) {
		for _, g := range gs {
			f := &Fiber{g: g}
			c.enter(f)
			fs = append(fs, f)
		}
		return fs
	}
	staying, going := enter(x.stay), enter(x.goes)
	left := len(x.come)
	m.Thread("stays", func() {
		for range x.lookups {
			c.expect(x.stay[0], staying[0])
		}
		explore.Block("the others", func() bool { return left == 0 })
		for _, f := range staying {
			c.expect(f.g, f)
			c.leaveAs(&c.currentFibers, f)
			c.expect(f.g, nil)
		}
	})
	if len(going) > 0 {
		left++
		f := going[0]
		for _, f := range going[1:] {
			c.leave(f)
		}
		c.held[f.g] = true
		m.Thread("goes", func() {
			c.expect(f.g, f)
			c.leaveAs(&c.currentFibers, f)
			c.expect(f.g, nil)
			delete(c.held, f.g)
			left--
		})
	}
	for i, g := range x.come {
		m.Thread(fmt.Sprint("comes", i), func() {
			c.goroutine(g)
			left--
		})
	}
}

func TestModelCurrent(t *testing.T) {
	g := collide(12, 6)
	for _, x := range []struct {
		preemptions int
		story
	}{
		{3, story{lookups: 2, stay: g[:1], come: g[1:2]}}, // beside a reader
		{2, story{lookups: 2, stay: g[:1], come: g[1:3]}}, // with tombstones
		{2, story{lookups: 1, stay: g[:3], come: g[3:4]}}, // the table grows from 4 slots to 8
		// beside a fiber that enters or leaves
		{2, story{lookups: 1, stay: g[:3], come: g[3:5]}},
		// a record is used again while the table grows
		{2, story{stay: g[:3], come: []uintptr{g[3], g[3]}}},
		{2, story{come: []uintptr{g[0], g[0]}}}, // beginning without a table
		{1, story{come: []uintptr{g[0], g[0], g[1]}}},
		// the table shrinks from 16 slots
		{3, story{lookups: 2, stay: g[:1], goes: g[5:12]}},
		{2, story{lookups: 1, stay: g[:1], goes: g[5:12], come: g[1:2]}}, // or does not shrink
		// a record is used again while the table shrinks
		{2, story{stay: g[:1], goes: g[5:12], come: g[5:6]}},
	} {
		explore.Run(t, explore.Config{Preemptions: x.preemptions}, x.model)
	}
	explore.Run(t, explore.Config{Mode: explore.PCT, MaxSchedules: 5_000, Seed: 1}, story{
		lookups: 2, stay: g[:1], goes: g[5:12], come: []uintptr{g[1], g[1], g[5], g[2], g[2]},
	}.model)
}

// If leave loads the table before it takes the lock, a fiber may leave a table that has been
// copied. Then the goroutine that gets its record is taken for that fiber.
func TestModelCurrentLeavesAnOldTable(t *testing.T) {
	g := collide(5, 6)
	x := story{stay: g[:2], come: []uintptr{g[2], g[3], g[2]}, plant: func(c *finder) {
		c.leaveAs = func(c *currentFibers, f *Fiber) {
			t := c.table.Load()
			_, i := t.find(f.g)
			c.mu.Lock()
			defer c.mu.Unlock()
			t.tags[i].Store(goneTag)
			t.fibers[i].Store(nil)
			c.live--
		}
	}}
	_, failure := explore.Check(explore.Config{Preemptions: 2}, x.model)
	require.NotNil(t, failure)
	require.Contains(t, failure.Message, "want 0x0")
}

// If leave makes the slot empty instead of leaving a tombstone, a fiber in a later slot does not
// find itself.
func TestModelCurrentLeavesAnEmptySlot(t *testing.T) {
	g := collide(3, 6)
	x := story{lookups: 1, stay: g[:1], come: g[1:3], plant: func(c *finder) {
		c.leaveAs = func(c *currentFibers, f *Fiber) {
			c.mu.Lock()
			defer c.mu.Unlock()
			t := c.table.Load()
			found, i := t.find(f.g)
			if found != f {
				explore.Failf("a fiber does not find itself")
			}
			t.fibers[i].Store(nil)
			t.tags[i].Store(noTag)
			c.live--
		}
	}}
	_, failure := explore.Check(explore.Config{Preemptions: 2}, x.model)
	require.NotNil(t, failure)
	require.Contains(t, failure.Message, "does not find itself")
}
