package fiber

import (
	"unsafe"

	"github.com/heddle-go/heddle/internal/atomicx"
)

// A fiber is a goroutine of its own. So the address of the Go runtime's record of the calling
// goroutine tells on which fiber the caller runs. This package compares the address and never
// follows it.
//
// All goroutines read the table, and few write it. The steps are:
//
//	the goroutine of the fiber, with record g     other goroutines
//	Current-B1  lock; enter (g, fiber) in the     do Current-B1 and Current-E1 for other
//	            table, or in a larger copy and    fibers, under the lock; they leave this
//	            publish the copy; unlock          entry alone, and if they copy the
//	Current-R1  load the table                    table, the copy has the entry too
//	Current-R2  look for g
//	Current-E1  lock; replace the entry by a
//	            tombstone; unlock
//
// A fiber finds itself. Current-B1 comes before Current-R1 on the same goroutine. From Current-B1
// until Current-E1, each published table has the entry. In each table the entry stays at one place,
// and no slot that a search passes before it becomes empty, because a removed entry leaves a
// tombstone.
//
// Another goroutine does not find the fiber. While the fiber lives, no other goroutine has the
// record g, and Current-E1 comes before the fiber's goroutine ends. If another goroutine gets the
// record later, it becomes ready only after the end of the fiber. So its Current-R1 sees the table
// of Current-E1 or a later one.
//
// current_model_test.go explores these steps.
var current = currentFibers{least: 6}

type currentFibers struct {
	table atomicx.Pointer[table]

	mu    atomicx.Mutex
	live  int  // number of entries
	used  int  // number of entries and tombstones
	least uint // a table has at least 1<<least slots; 2 in models
}

// A table is a hash table with linear probing. Tags are stored apart from fibers, so that a
// goroutine that is not a fiber touches no fiber's memory.
type table struct {
	shift  uint
	tags   []atomicx.Uint32
	fibers []atomicx.Pointer[Fiber]
}

const (
	noTag   = 0 // the slot is empty
	goneTag = 1 // the slot holds a tombstone
	aTag    = 2 // set in all other tags
)

func newTable(bits uint) *table {
	return &table{64 - bits, make([]atomicx.Uint32, 1<<bits), make([]atomicx.Pointer[Fiber], 1<<bits)}
}

// place returns the index of the first slot for g, and the tag of g.
func (t *table) place(g uintptr) (i uint64, tag uint32) {
	h := uint64(g) * 0x9e3779b97f4a7c15
	return h >> t.shift, uint32(h) | aTag
}

func (t *table) put(f *Fiber) {
	i, tag := t.place(f.g)
	for ; ; i++ {
		i &= uint64(len(t.tags) - 1)
		if t.tags[i].Load() == noTag {
			t.fibers[i].Store(f)
			t.tags[i].Store(tag)
			return
		}
	}
}

// find is Current-R2. i is the slot at which it ended.
func (t *table) find(g uintptr) (f *Fiber, i uint64) {
	i, tag := t.place(g)
	for ; ; i++ {
		i &= uint64(len(t.tags) - 1)
		switch t.tags[i].Load() {
		case tag:
			if f = t.fibers[i].Load(); f != nil && f.g == g {
				return f, i
			}
		case noTag:
			return nil, i
		}
	}
}

// enter is Current-B1. f is the running fiber, and f.g its goroutine's record.
func (c *currentFibers) enter(f *Fiber) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.table.Load()
	if t == nil || (c.used+1)*4 > len(t.tags)*3 {
		t = c.rebuild(t)
		defer c.table.Store(t)
	}
	t.put(f)
	c.live++
	c.used++
}

// leave is Current-E1. f is the running fiber.
func (c *currentFibers) leave(f *Fiber) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.table.Load()
	found, i := t.find(f.g)
	if found != f {
		panic("fiber: a fiber ends that is not in the table, or not on its goroutine")
	}
	t.tags[i].Store(goneTag)
	t.fibers[i].Store(nil)
	if c.live--; len(t.tags) > 1<<c.least && c.live*8 < len(t.tags) {
		c.table.Store(c.rebuild(t))
	}
}

// rebuild returns a table with the entries of t, which may be nil, and room for at least as many
// more.
func (c *currentFibers) rebuild(t *table) *table {
	size := c.least
	for 1<<size < 2*(c.live+1) {
		size++
	}
	fresh := newTable(size)
	if t != nil {
		for i := range t.tags {
			if t.tags[i].Load() >= aTag {
				fresh.put(t.fibers[i].Load())
			}
		}
	}
	c.used = c.live
	return fresh
}

// enter enters f, the running fiber, in the table.
func (f *Fiber) enter() {
	f.g = g()
	current.enter(f)
}

// leave removes f, the running fiber, from the table.
func (f *Fiber) leave() { current.leave(f) }

// Current returns the fiber that the caller runs on, or nil if the caller does not run on a fiber.
// It takes some nanoseconds, however many fibers there are. Any goroutine may call it. In a model
// it returns nil, because a model's threads are not fibers and the explorer could not repeat a
// search that depends on the addresses of records.
func Current() *Fiber {
	if atomicx.Exploring() {
		return nil
	}
	t := current.table.Load() // (Current-R1)
	if t == nil {
		return nil
	}
	f, _ := t.find(g())
	return f
}

// IsCurrent reports whether the caller runs on f. f must have begun and not ended; otherwise the
// answer may be wrong.
func (f *Fiber) IsCurrent() bool { return f.RunsOn(g()) }

// Goroutine returns a number that only the calling goroutine has, for RunsOn.
func Goroutine() uintptr { return g() }

// RunsOn is IsCurrent for a caller that has called Goroutine.
//
// The race detector must not see the read of g, because the caller may have found f in another
// worker's Relaxed, which orders nothing. Only f's own goroutine can find its g there. Any other
// caller sees zero or another goroutine's g, and so gets false.
//
//go:norace
func (f *Fiber) RunsOn(goroutine uintptr) bool { return f.g == goroutine }

// Entered returns the number of goroutines that Current knows: the fibers that have begun and not
// ended, and the goroutines between a [Stand] and its leave. It is for tests.
func Entered() int {
	current.mu.Lock()
	defer current.mu.Unlock()
	return current.live
}

// Stand makes Current return a fiber with the given data on the calling goroutine, until that
// goroutine calls leave. It is for goroutines that run on behalf of a task, such as those of
// iter.Pull.
func Stand(data unsafe.Pointer) (leave func()) {
	f := &Fiber{Data: data}
	f.enter()
	return f.leave
}
