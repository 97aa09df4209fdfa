package scheduler

import (
	"sync"
	"weak"

	"github.com/heddle-go/heddle/internal/rt"
)

// Descriptors are pooled in three tiers: a list per worker, which costs nothing;
// batches shared by all, in a sync.Pool, so that the garbage collector takes
// back what a burst left; and chunks from the heap.
//
// Chunks also make a census possible without a registry that each task would have to
// enter and leave: a scheduler keeps weak pointers to its chunks, and whoever wants to
// see all tasks (Close, Shutdown's report) walks them. A chunk that somebody may still
// need is alive: queues hold their tasks, and the stack of a started task holds its own.

// batchSize is how many descriptors move between the tiers at once. As a chunk, it fills
// one 4 KB size class, which also aligns descriptors to cache lines.
const batchSize = 64

type (
	chunk [batchSize]rt.Desc
	batch [batchSize]*rt.Desc
)

type descPool struct {
	nobody *rt.Worker // the worker of tasks that have not run
	full   sync.Pool  // of *batch with free descriptors
	empty  sync.Pool  // of *batch without

	mu     sync.Mutex
	chunks []weak.Pointer[chunk]
	prune  int // drop dead pointers when there are this many
}

// fill appends batchSize free descriptors to list.
func (p *descPool) fill(list []*rt.Desc) []*rt.Desc {
	if b, _ := p.full.Get().(*batch); b != nil {
		list = append(list, b[:]...)
		p.empty.Put(b)
		return list
	}
	c := new(chunk)
	for i := range c {
		c[i].Init(p.nobody)
		list = append(list, &c[i])
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
func (p *descPool) put(ds []*rt.Desc) {
	b, _ := p.empty.Get().(*batch)
	if b == nil {
		b = new(batch)
	}
	copy(b[:], ds)
	p.full.Put(b)
}

// each calls f with every descriptor there is, in whatever state. Tasks may
// start, move and end meanwhile.
func (p *descPool) each(f func(d *rt.Desc)) {
	p.mu.Lock()
	chunks := append([]weak.Pointer[chunk](nil), p.chunks...)
	p.mu.Unlock()
	for _, w := range chunks {
		if c := w.Value(); c != nil {
			for i := range c {
				f(&c[i])
			}
		}
	}
}

// A descList is one owner's list of free descriptors, at most two batches.
type descList struct {
	free []*rt.Desc
}

func (l *descList) get(p *descPool) *rt.Desc {
	if len(l.free) == 0 {
		if l.free == nil {
			l.free = make([]*rt.Desc, 0, 2*batchSize)
		}
		l.free = p.fill(l.free)
	}
	n := len(l.free) - 1
	d := l.free[n]
	l.free = l.free[:n]
	return d
}

func (l *descList) put(p *descPool, d *rt.Desc) {
	if len(l.free) >= 2*batchSize {
		p.put(l.free[batchSize:])
		l.free = l.free[:batchSize]
	}
	l.free = append(l.free, d)
}
