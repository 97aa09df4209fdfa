package task

import (
	"unsafe"

	"github.com/heddle-go/heddle/internal/rt"
)

// Func is a task function with an argument of type T. [Func.Go] starts it as a task. Unlike a
// closure for [Ctx.Go], the argument takes no allocation, so a Func is for many small tasks:
//
//	var resize = task.Define(func(c *task.Ctx, img *picture) { ... })
//
//	for _, img := range pictures {
//		_ = resize.Go(c, img)
//	}
//
// A Func keeps the memory of its tasks for later ones. So make only one Func for each function,
// with [Define], and keep it in a package variable. A Func must not be copied.
type Func[T any] struct {
	_      noCopy
	fn     func(c *Ctx, arg T)
	drafts rt.DraftFunc
}

// noCopy makes go vet report copies of a struct that has it as a field.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// A typedDraft is a task that waits to begin, with its argument.
type typedDraft[T any] struct {
	rt.Draft // the first field, because of argOf
	arg      T
}

func argOf[T any](x *rt.Draft) *T { return &(*typedDraft[T])(unsafe.Pointer(x)).arg }

// draftMemory bounds the memory in bytes of the tasks that a Func makes at once, if one of them
// does not take more.
const draftMemory = 4096

// Define makes a Func of fn.
func Define[T any](fn func(c *Ctx, arg T)) *Func[T] {
	if fn == nil {
		panic("task: Define with a nil function")
	}
	f := &Func[T]{fn: fn}
	f.drafts.Run = func(x *rt.Draft, d *rt.Task) {
		a := argOf[T](x)
		arg := *a
		*a = *new(T) // a task that waits for long must not keep an argument that fn has dropped
		x.Put(d.Worker())
		fn((*Ctx)(d.Life()), arg)
	}
	f.drafts.Clear = func(x *rt.Draft) { *argOf[T](x) = *new(T) }
	n := int(max(1, min(rt.DraftBatch, draftMemory/unsafe.Sizeof(typedDraft[T]{}))))
	f.drafts.Make = func() (list *rt.Draft, _ int) {
		ds := make([]typedDraft[T], n)
		for i := range ds {
			list = rt.NewDraft(&ds[i].Draft, list)
		}
		return list, n
	}
	return f
}

// Go starts a task that calls the function with arg. on is the running task's Ctx, or a scheduler.
// Tasks that one task starts in this way begin in the order in which they were started, and later
// than children that [Ctx.Go] started before them. Idle workers can steal any of them at once.
// Otherwise they are tasks as those of [Ctx.Go]: each has a Ctx and a [Task] of its own, may wait,
// and may outlive the task that has started it.
//
// There is no handle from outside, because the task gets its memory only when it begins. To wait
// for it, count in arg, for example with a tsync.WaitGroup. Until it begins, the scheduler counts
// it but does not list it: it is not among scheduler.Tasks, and neither the report of a stall nor
// the error of Shutdown names it.
//
// Go returns nil if the task was accepted, [ErrClosed] if the scheduler is closed, and
// [ErrQueueFull] if it has a limit and its queue is full. After an error the function will not run.
// As with Ctx.Go, neither will it run if the scheduler's Close comes before the task begins.
//
// Go does not allocate if on is the Ctx of the calling task. (Once the process runs more than 64
// workers at a time, those beyond do.) In all other cases it makes a closure, and calls on.Go with
// that: if on is a scheduler, another task's Ctx, or a type of the user's; and if the scheduler
// measures, traces or observes its tasks, or runs under schedtest. Go panics if on is nil. It
// copies arg twice, so for a large argument use a pointer.
func (f *Func[T]) Go(on Starter, arg T) error {
	if f == nil || f.fn == nil {
		panic("task: Go of a nil or zero Func, which has no function to call: make it with Define")
	}
	if c, ok := on.(*Ctx); ok && c != nil {
		if x := f.drafts.Take(c.life()); x != nil {
			*argOf[T](x) = arg
			w := c.record().Worker()
			if w.Host.SpawnDraft(x) {
				return nil
			}
			*argOf[T](x) = *new(T)
			x.Put(w)
		}
	}
	return f.goClosure(on, arg)
}

//go:noinline
func (f *Func[T]) goClosure(on Starter, arg T) error {
	if on == nil {
		panic(nilStarter("Func.Go"))
	}
	fn := f.fn
	t := on.Go(func(c *Ctx) { fn(c, arg) })
	if t == closedTask || t == fullTask {
		return t.Err()
	}
	return nil
}
