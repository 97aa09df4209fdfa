package taskpool

import (
	"iter"
	"slices"
	"unsafe"
	"weak"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// batchSize is how many descriptors move between the tiers at once. The allocator puts 8 bytes in
// front of an object with pointers, so a chunk of 62 fills one 4 KB size class, and its descriptors
// are aligned to cache lines. A Life has the size of a line and may begin anywhere in a descriptor.
// So a line follows the last descriptor.
const batchSize = 62

type (
	chunk struct {
		_ [56]byte
		d [batchSize]rt.Task
		_ [rt.Lives]byte
	}
	batch [batchSize]*rt.Task
)

// A Pool holds the free descriptors that the lists of one scheduler share. Init prepares it. Any
// goroutine may call its methods. They wait only for the pool's lock, which no method holds for
// long.
type Pool struct {
	placeholder *rt.Worker // the Worker of a task that has not run
	marked      bool       // see MarkAll

	mu     atomicx.Mutex
	stocks [kinds]stock
	empty  []*batch // memory for put to use again
	chunks []weak.Pointer[chunk]
	prune  int // grow drops dead pointers when chunks is this long
}

// A stock has the free descriptors of one kind.
type stock struct {
	full []*batch // each full of free descriptors
	low  int      // the least length of full since the last Trim
}

// The kinds of descriptors that serve several tasks. A program that keeps a Ctx keeps the whole
// chunk in memory. Because the tasks of each kind have chunks of their own, the Ctx of a task
// without a context does not keep other tasks' contexts in memory.
const (
	plain = iota // for tasks under no context
	bare         // for tasks under contexts without values
	kinds
)

// Init prepares p. placeholder is the Worker of each descriptor until its task runs for the first
// time. Init is called once, before p is shared.
func (p *Pool) Init(placeholder *rt.Worker) { p.placeholder = placeholder }

// MarkAll makes p mark each descriptor that it allocates, so that every checkpoint of every task
// takes its slow path. A directed scheduler, which needs this, leaves the marks set. MarkAll is
// called once, before p is shared.
func (p *Pool) MarkAll() { p.marked = true }

// fill appends a batch of free descriptors of a kind to list. The descriptors may have served tasks
// before.
func (p *Pool) fill(list []*rt.Task, kind int) []*rt.Task {
	p.mu.Lock()
	s := &p.stocks[kind]
	if n := len(s.full) - 1; n >= 0 {
		b := s.full[n]
		s.full[n] = nil
		s.full = s.full[:n]
		s.low = min(s.low, n)
		list = append(list, b[:]...)
		p.empty = append(p.empty, b)
		p.mu.Unlock()
		return list
	}
	p.mu.Unlock()
	return p.grow(list)
}

// grow is fill with the descriptors of a new chunk, which have served no task.
func (p *Pool) grow(list []*rt.Task) []*rt.Task {
	c := new(chunk)
	if uintptr(unsafe.Pointer(&c.d[0]))%rt.Lives != 0 {
		panic("heddle: this Go version lays out memory in a way that heddle does not know: descriptors are not aligned; please report it")
	}
	for i := range c.d {
		c.d[i].Init(p.placeholder)
		if p.marked {
			c.d[i].Flag().Ask(0)
		}
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

// put takes over a batch of free descriptors of a kind. It copies ds, so the caller may change the
// slice afterwards.
func (p *Pool) put(ds []*rt.Task, kind int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b *batch
	if n := len(p.empty) - 1; n >= 0 {
		b, p.empty = p.empty[n], p.empty[:n]
	} else {
		b = new(batch)
	}
	copy(b[:], ds)
	s := &p.stocks[kind]
	s.full = append(s.full, b)
}

// Trim drops batches that no list has needed since the last Trim, so that the garbage collector can
// free them. It drops all of these or, if all is false, half of them. It returns how many it has
// dropped, and whether p still has any.
func (p *Pool) Trim(all bool) (n int, more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.stocks {
		s := &p.stocks[i]
		k := s.low
		if !all {
			k = (k + 1) / 2
		}
		s.full = slices.Delete(s.full, 0, k)
		if cap(s.full) > 4*len(s.full) {
			s.full = slices.Clone(s.full)
		}
		s.low = len(s.full)
		n += k
		more = more || s.low > 0
	}
	p.empty = nil
	if n > 0 {
		p.prune = 0 // many of the chunks will be dead when the next one is made
	}
	return n, more
}

// Free returns the number of free descriptors that p holds. It does not count those in lists.
func (p *Pool) Free() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for i := range p.stocks {
		n += len(p.stocks[i].full) * batchSize
	}
	return n
}

// Chunks returns an iterator over the chunks of the pool, each as its descriptors, free or in use.
// Tasks may start, move and end meanwhile. The caller must not keep a chunk.
func (p *Pool) Chunks() iter.Seq[[]rt.Task] {
	return func(yield func(ds []rt.Task) bool) {
		for _, w := range p.list() {
			if c := w.Value(); c != nil && !yield(c.d[:]) {
				return
			}
		}
	}
}

// list returns a copy of chunks. With 10^6 tasks it has 128 KB. It is allocated without the lock,
// because the garbage collector may make the caller of a large allocation work for it.
func (p *Pool) list() []weak.Pointer[chunk] {
	var list []weak.Pointer[chunk]
	for {
		p.mu.Lock()
		n := len(p.chunks)
		if n <= cap(list) {
			list = append(list, p.chunks...)
			p.mu.Unlock()
			return list
		}
		p.mu.Unlock()
		list = make([]weak.Pointer[chunk], 0, n+n/8)
	}
}

// All returns an iterator over every descriptor of the pool, as Chunks does.
func (p *Pool) All() iter.Seq[*rt.Task] {
	return func(yield func(d *rt.Task) bool) {
		for ds := range p.Chunks() {
			for i := range ds {
				if !yield(&ds[i]) {
					return
				}
			}
		}
	}
}

// A List is a list of free descriptors that has one owner, and holds at most two batches of each
// kind. Its zero value is empty. Only the owner may call its methods.
type List struct {
	free  []*rt.Task // plain
	bare  []*rt.Task
	fresh []*rt.Task // serve one task each, which is under a context with values or a deadline
}

// Take returns a free descriptor for a task with extension x, which may be nil. If the task is
// under a context with values or a deadline, the descriptor comes from a chunk of such descriptors,
// which serve one task each.
func (l *List) Take(p *Pool, x *rt.Extra) *rt.Task {
	if !x.HasContext() {
		return l.get(p)
	}
	return l.takeUnder(p, x)
}

// takeUnder is Take for a task under a context.
func (l *List) takeUnder(p *Pool, x *rt.Extra) *rt.Task {
	list := &l.bare
	switch {
	case x.KeepsValues():
		if list = &l.fresh; len(*list) == 0 {
			*list = p.grow(*list)
		}
	case len(*list) == 0:
		*list = p.fill(*list, bare)
	}
	n := len(*list) - 1
	d := (*list)[n]
	(*list)[n] = nil
	*list = (*list)[:n]
	return d
}

// get is Take for a task without a context.
func (l *List) get(p *Pool) *rt.Task {
	if len(l.free) == 0 {
		if l.free == nil {
			l.free = make([]*rt.Task, 0, 2*batchSize)
		}
		l.free = p.fill(l.free, plain)
	}
	n := len(l.free) - 1
	d := l.free[n]
	l.free = l.free[:n]
	return d
}

// Provide makes sure that the next n descriptors for tasks without a context are there. n is not
// more than a batch.
func (l *List) Provide(p *Pool, n int) {
	if len(l.free) < n {
		l.free = p.fill(l.free, plain)
	}
}

// Put takes back d, whose task has ended and which no handle refers to any more.
func (l *List) Put(p *Pool, d *rt.Task) {
	if x := d.Extra(); x != nil {
		d.DropExtra()
		if x.HasContext() {
			l.bare = p.keep(l.bare, d, bare)
			return
		}
	}
	l.free = p.keep(l.free, d, plain)
}

// keep appends d to list, which is of a kind, and takes a batch of it if it has two.
func (p *Pool) keep(list []*rt.Task, d *rt.Task, kind int) []*rt.Task {
	if len(list) >= 2*batchSize {
		p.put(list[batchSize:], kind)
		list = list[:batchSize]
	}
	return append(list, d)
}

// Len returns how many descriptors l holds.
func (l *List) Len() int { return len(l.free) + len(l.bare) + len(l.fresh) }
