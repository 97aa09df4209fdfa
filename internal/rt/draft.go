package rt

import (
	"sync"
	"unsafe"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/preempt"
)

// A Draft is a task of a task.Func that has not begun and has no descriptor yet. It waits among a
// worker's children, in the place of a descriptor, and takes less memory. The worker that runs it
// gives it a descriptor: either a free one, or that of the task that has just ended (see Renew).
//
// The children are a queue of *Task. So a Draft has its status word where a Task has it, and that
// word says stDraft for ever. A party that takes an entry of the children, or looks at one, must
// ask [Status.Draft] before it uses anything but Status, Begun and TakenFresh. These two return
// false, because the word also has flagFresh and flagStale.
//
// No handle and no Ctx of a draft exists. So nothing can wait for it, claim it or cancel it, and no
// entry of it is stale. The party that takes the entry has the draft to itself.
//
//	free   -> queued  Take and SpawnDraft, by the task that starts it
//	queued -> free    DraftFunc.Run and Put, by the worker that begins the task, before it calls the
//	                  user's function
//
// A draft that is skipped is left to the garbage collector.
type Draft struct {
	// of is the draft's DraftFunc while it is queued. While it is free, of is the next
	// draft of a list. The draft's owner uses it; queueing orders memory.
	of     unsafe.Pointer
	_      [unsafe.Sizeof(preempt.Flag{}) - unsafe.Sizeof(uintptr(0))]byte
	status atomicx.Uint64
}

var _ = [1]struct{}{}[unsafe.Offsetof(Draft{}.status)-unsafe.Offsetof(Task{}.status)]

// A DraftFunc is the function of some drafts, and has the memory of those that are free.
type DraftFunc struct {
	// Run calls the user's function as the task d, with the argument that is in x. Before that it
	// clears the argument in x, and puts x back.
	Run func(x *Draft, d *Task)
	// Clear clears the argument in x, which will not run.
	Clear func(x *Draft)
	// Make returns a list of n new drafts, at most DraftBatch, made by NewDraft.
	Make func() (list *Draft, n int)

	more sync.Pool // lists of DraftBatch free drafts
	_    [128]byte // keeps Run, which all workers read, away from the lists, which they write

	// free has the free drafts of each worker, by Worker.Index. Only that worker, or the task on
	// it, uses them. Workers with a higher index have none.
	free [draftPools]freeDrafts
}

const draftPools = 64

// DraftBatch is how many free drafts move between a worker and the other workers at once.
const DraftBatch = 64

type freeDrafts struct {
	top  *Draft // a list of n drafts
	n    int
	most int      // DraftBatch, or 0 if this is no Keeper of the worker yet
	full *Draft   // a list of DraftBatch drafts, or nil
	_    [96]byte // fills two cache lines, because processors fetch lines in pairs
}

// NewDraft prepares the new draft x, and puts it before the drafts of list.
func NewDraft(x, list *Draft) *Draft {
	x.status.Store(stDraft | flagFresh | flagStale)
	x.of = unsafe.Pointer(list)
	return x
}

// Take returns a draft of f for the task c to start. It returns nil if the caller does not run as
// c, or if its worker has no list.
func (f *DraftFunc) Take(c *Life) *Draft {
	d := c.Task()
	if !d.IsCurrent() {
		return nil
	}
	w := d.worker.Load()
	i := uint(w.Index)
	if i >= draftPools {
		return nil
	}
	p := &f.free[i]
	if p.n == 0 {
		f.fill(p, w)
	}
	x := p.top
	p.top = (*Draft)(x.of)
	p.n--
	x.of = unsafe.Pointer(f)
	return x
}

//go:noinline
func (f *DraftFunc) fill(p *freeDrafts, w *Worker) {
	p.keep(w)
	p.top, p.n, p.full = p.full, DraftBatch, nil
	if p.top != nil {
		return
	}
	if p.top, _ = f.more.Get().(*Draft); p.top == nil {
		p.top, p.n = f.Make()
	}
}

// Put frees x. The task on w calls it.
func (x *Draft) Put(w *Worker) {
	i := uint(w.Index)
	if i >= draftPools {
		return
	}
	f := (*DraftFunc)(x.of)
	p := &f.free[i]
	if p.n >= p.most {
		f.spill(p, w)
	}
	x.of = unsafe.Pointer(p.top)
	p.top = x
	p.n++
}

//go:noinline
func (f *DraftFunc) spill(p *freeDrafts, w *Worker) {
	if p.keep(w); p.n < DraftBatch {
		return
	}
	if p.full != nil {
		f.more.Put(p.full)
	}
	p.full, p.top, p.n = p.top, nil, 0
}

// keep makes p a Keeper of w.
func (p *freeDrafts) keep(w *Worker) {
	if p.most == 0 {
		p.most = DraftBatch
		w.AddKeeper(p)
	}
}

// Forget implements Keeper.
func (p *freeDrafts) Forget() { *p = freeDrafts{} }

// Entry returns x as an entry of a queue. (The race detector would refuse a plain conversion,
// because a Task is larger than a Draft.)
func (x *Draft) Entry() *Task { return *(**Task)(unsafe.Pointer(&x)) }

// Draft returns the draft whose entry d is. The caller has asked Status.Draft.
func (d *Task) Draft() *Draft { return (*Draft)(unsafe.Pointer(d)) }

// Draft reports whether the word is that of a Draft.
func (s Status) Draft() bool { return s&stateMask == stDraft }

// Run calls the function of x as the task d.
func (x *Draft) Run(d *Task) { (*DraftFunc)(x.of).Run(x, d) }

// Skip implements Runner.
func (x *Draft) Skip(*Task) { (*DraftFunc)(x.of).Clear(x) }
