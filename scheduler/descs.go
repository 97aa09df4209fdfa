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
// see all tasks (Close, Shutdown's report) walks them.

// chunkSize descriptors fill 4,080 of the 4,096 bytes of a size class.
const chunkSize = 51

// batchSize is how many descriptors move between the tiers at once.
const batchSize = 64

type chunk [chunkSize]rt.Desc

type descPool struct {
	home    *rt.Home
	batches sync.Pool // of *rt.Desc: lists of batchSize, linked by Next

	mu     sync.Mutex
	chunks []weak.Pointer[chunk]
	prune  int // drop dead pointers when there are this many
}

// get returns a list of n free descriptors, n > 0.
func (p *descPool) get() (list *rt.Desc, n int) {
	if d, _ := p.batches.Get().(*rt.Desc); d != nil {
		return d, batchSize
	}
	c := new(chunk)
	for i := range c {
		d := &c[i]
		d.Home = p.home
		d.Next = list
		list = d
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
	return list, chunkSize
}

// put gives back a list of batchSize descriptors.
func (p *descPool) put(list *rt.Desc) { p.batches.Put(list) }

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

// A descList is a worker's own pool.
type descList struct {
	free *rt.Desc
	n    int
	// spare is a full batch kept back, so that a worker that
	// alternates at the border does not exchange one batch each time.
	spare *rt.Desc
}

func (l *descList) get(p *descPool) *rt.Desc {
	if l.free == nil {
		if l.spare != nil {
			l.free, l.n, l.spare = l.spare, batchSize, nil
		} else {
			l.free, l.n = p.get()
		}
	}
	d := l.free
	l.free = d.Next
	d.Next = nil
	l.n--
	return d
}

func (l *descList) put(p *descPool, d *rt.Desc) {
	if l.n == batchSize {
		if l.spare != nil {
			p.put(l.spare)
		}
		l.spare, l.free, l.n = l.free, nil, 0
	}
	d.Next = l.free
	l.free = d
	l.n++
}
