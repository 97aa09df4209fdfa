package scheduler

import (
	"iter"
	"slices"
	"sync"
	"weak"

	"github.com/heddle-go/heddle/internal/rt"
)

// Descriptors are pooled in three tiers: a list per worker, which costs nothing;
// batches shared by all, of which those not used for a while are dropped; and chunks from the
// heap. (A sync.Pool would drop them at each garbage collection, which tasks that
// allocate cause all the time.)
//
// Chunks also make a census possible without a registry that each task would have to
// enter and leave: a scheduler keeps weak pointers to its chunks, and whoever wants to
// see all tasks (Close, Shutdown's report) walks them. A chunk that somebody may still
// need is alive: queues hold their tasks, and the stack of a started task holds its own.

// batchSize is how many descriptors move between the tiers at once. With the 8 bytes that
// the allocator puts in front, a chunk fills one 4 KB size class, and its descriptors are
// aligned to cache lines.
const batchSize = 63

type (
	chunk struct {
		_ [56]byte
		d [batchSize]rt.Task
	}
	batch [batchSize]*rt.Task
)

type descPool struct {
	nobody *rt.Worker // the worker of tasks that have not run

	mu     sync.Mutex
	full   []*batch // of free descriptors
	empty  []*batch
	low    int // the least length of full since the last trim
	chunks []weak.Pointer[chunk]
	prune  int // drop dead pointers when there are this many
}

// fill appends batchSize free descriptors to list. They may have served before.
func (p *descPool) fill(list []*rt.Task) []*rt.Task {
	p.mu.Lock()
	if n := len(p.full) - 1; n >= 0 {
		b := p.full[n]
		p.full[n] = nil
		p.full = p.full[:n]
		p.low = min(p.low, n)
		list = append(list, b[:]...)
		p.empty = append(p.empty, b)
		p.mu.Unlock()
		return list
	}
	p.mu.Unlock()
	return p.grow(list)
}

// grow is fill with descriptors that have not served.
func (p *descPool) grow(list []*rt.Task) []*rt.Task {
	c := new(chunk)
	if p.nobody == nil {
		panic(zeroScheduler)
	}
	for i := range c.d {
		c.d[i].Init(p.nobody)
		list = append(list, &c.d[i])
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.chunks) >= p.prune {
		live := p.chunks[:0]
		for _, w := range p.chunks {
			if w.Value() != nil {
				live = append(live, w)
			}
		}
		clear(p.chunks[len(live):])
		p.chunks = live
		p.prune = max(64, 2*len(live))
	}
	p.chunks = append(p.chunks, weak.Make(c))
	return list
}

// put takes over batchSize free descriptors.
func (p *descPool) put(ds []*rt.Task) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b *batch
	if n := len(p.empty) - 1; n >= 0 {
		b, p.empty = p.empty[n], p.empty[:n]
	} else {
		b = new(batch)
	}
	copy(b[:], ds)
	p.full = append(p.full, b)
}

// trim leaves batches that were not used since the last call to the garbage collector: half of them, or all. It returns how
// many, and whether there are batches left. Called by sysmon.
func (p *descPool) trim(all bool) (n int, more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n = p.low; !all {
		n = (n + 1) / 2
	}
	p.full = slices.Delete(p.full, 0, n)
	if cap(p.full) > 4*len(p.full) {
		p.full = slices.Clone(p.full)
	}
	p.empty = nil
	p.low = len(p.full)
	if n > 0 {
		p.prune = 0 // many of the chunks will be dead when the next one is made
	}
	return n, p.low > 0
}

// all returns an iterator over every record there is, in whatever state. Tasks may start, move and
// end meanwhile.
func (p *descPool) all() iter.Seq[*rt.Task] {
	return func(yield func(d *rt.Task) bool) {
		p.mu.Lock()
		chunks := append([]weak.Pointer[chunk](nil), p.chunks...)
		p.mu.Unlock()
		for _, w := range chunks {
			c := w.Value()
			if c == nil {
				continue
			}
			for i := range c.d {
				if !yield(&c.d[i]) {
					return
				}
			}
		}
	}
}

// A descList is one owner's list of free descriptors, at most two batches.
type descList struct {
	free  []*rt.Task
	fresh []*rt.Task // those that have not served, for tasks under contexts
}

// take is get for a task with extension x, which may be nil. The descriptor of a task that is under a context serves
// only once: see rt.Task.Escape.
func (l *descList) take(p *descPool, x *rt.Extra) *rt.Task {
	if !x.HasContext() {
		return l.get(p)
	}
	if len(l.fresh) == 0 {
		l.fresh = p.grow(l.fresh)
	}
	n := len(l.fresh) - 1
	d := l.fresh[n]
	l.fresh[n] = nil
	l.fresh = l.fresh[:n]
	return d
}

func (l *descList) get(p *descPool) *rt.Task {
	if len(l.free) == 0 {
		if l.free == nil {
			l.free = make([]*rt.Task, 0, 2*batchSize)
		}
		l.free = p.fill(l.free)
	}
	n := len(l.free) - 1
	d := l.free[n]
	l.free = l.free[:n]
	return d
}

func (l *descList) put(p *descPool, d *rt.Task) {
	if len(l.free) >= 2*batchSize {
		p.put(l.free[batchSize:])
		l.free = l.free[:batchSize]
	}
	l.free = append(l.free, d)
}
