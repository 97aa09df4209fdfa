package rt

import (
	"fmt"
	"unsafe"

	"github.com/heddle-go/heddle/internal/atomicx"
)

// This file says where descriptors lie in memory, and which address the Ctx of a task has.
//
// A Ctx may be in use after its task has ended. context.WithValue and WithoutCancel keep their
// parent without calling any of its methods, so heddle cannot know whether a context was derived
// from a Ctx. By then the descriptor may serve another task, and the old Ctx must not show that
// task's end or values. So each task that a descriptor serves, each life, has a Ctx of its own. The
// Ctx takes no memory: it is an address in the line before the descriptor, and the distance to the
// descriptor is the number of the life plus one.
//
//	line before the descriptor                     descriptor, 64 bytes
//	+---------------------------------------------+---------------------+
//	        ^           ...           ^   ^   ^   ^
//	     life 55                      2   1   0
//
// Descriptors are aligned to lines of 64 bytes, so [Ctx.Task] finds the descriptor by rounding up,
// and [Ctx.Life] the number of the life by the lower 6 bits. A Ctx is up to date if that number is
// the generation in the descriptor's status word. After its last life, life 55, a descriptor is
// left to the garbage collector (Finish). So a task allocates a 56th part of a descriptor, 1.2
// bytes.
//
// The line before a descriptor is the descriptor before it, or the start of the [Chunk]. A Ctx only
// points there, which makes the garbage collector keep the Chunk. Nothing is read or written there
// through the Ctx.
//
// # Readers beside the end
//
// A goroutine may call a method of a Ctx while the task ends and its descriptor begins another
// life. The worker that ends the task raises the generation before any word of the descriptor
// changes for the next life, and a generation never comes back. Each reader uses one of three
// rules:
//
//   - If it needs only the status word, it loads the word once and compares the generation
//     ([Ctx.Status]).
//   - If it needs the extension, it loads the extension first and the generation afterwards
//     (extraOf). Start stores the extension of a later life after the generation was raised. So if
//     the generation is still the Ctx's, the extension is not that of a later life.
//   - If it changes something, it first makes the descriptor stay with this life (escape), by a CAS
//     of the status word, which fails if the generation has changed.
//
// TestModelLives explores them.
//
// # What was rejected
//
//   - An object of 16 bytes for each task, with the descriptor's address and the generation, taken
//     from chunks of 64 or 256. A spawn allocates 16 bytes for its closure, and twice the bytes are
//     twice the work of the collector: BenchmarkSpawn took 25 to 50 ns more CPU time, of 170.
//   - A new descriptor for each task. It costs more, because there are 64 bytes to collect.
//   - To round down. A zero Ctx, which a user may make, lies at any address. Because a Ctx has the
//     size of two lines, rounding up stays inside it. So its descriptor is empty, and its methods
//     report a nil pointer. Rounding down would use memory that does not belong to it.

// Line is the size of a cache line, and of a descriptor.
const Line = 64

// Lives is the number of lives of a descriptor. The Ctx of the last one must not lie in front of
// the [Chunk].
const Lives = Line - 8

// A Ctx is the type beneath task.Ctx. See above for its address.
//
// It must not be copied, because its address is all that it consists of; go vet reports copies. The
// array makes a zero Ctx harmless.
type Ctx struct {
	_ noCopy
	_ [2 * Line]byte
}

// noCopy makes go vet report copies of the struct that it is in.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// Task returns the descriptor of c's task, which may serve another task by now. It returns nil if c
// is nil.
func (c *Ctx) Task() *Task {
	return (*Task)(unsafe.Pointer((uintptr(unsafe.Pointer(c)) + (Line - 1)) &^ (Line - 1)))
}

// Life returns the generation of c's task.
func (c *Ctx) Life() uint32 { return uint32(^uintptr(unsafe.Pointer(c)) % Line) }

// Status reads the status word of c's task. If the descriptor serves another life by now, Status
// returns the zero Status, which is that of a task that has ended and was not cancelled. (A
// cancelled task's descriptor serves no other.)
func (c *Ctx) Status() Status {
	if s := c.Task().Status(); s.gen() == c.Life() {
		return s
	}
	return 0
}

// A front is a descriptor together with the line before it, in which its Ctxs are. To round down to
// it takes two nodes fewer of the compiler's expression than Ctx.Task does. With these two,
// task.Ctx.Yield and Park would not inline.
type front struct {
	_      [Line + unsafe.Offsetof(Task{}.worker)]byte
	worker atomicx.Relaxed[Worker]
}

// Worker returns the worker that c's task runs on or ran on last.
func (c *Ctx) Worker() *Worker {
	return (*front)(unsafe.Pointer(uintptr(unsafe.Pointer(c)) &^ (Line - 1))).worker.Load()
}

// Yield implements task.Ctx.Yield. It must inline, and so must its caller.
func (c *Ctx) Yield() {
	(*front)(unsafe.Pointer(uintptr(unsafe.Pointer(c)) &^ (Line - 1))).worker.Load().Host.Yield()
}

// Park implements task.Ctx.Park. It must inline, and so must its caller.
func (c *Ctx) Park() error {
	return (*front)(unsafe.Pointer(uintptr(unsafe.Pointer(c)) &^ (Line - 1))).worker.Load().Host.ParkReady()
}

// Ctx returns the Ctx of the present life.
func (d *Task) Ctx() *Ctx { return d.ctxOf(d.Gen()) }

func (d *Task) ctxOf(gen uint32) *Ctx {
	return (*Ctx)(unsafe.Pointer(uintptr(unsafe.Pointer(d)) - 1 - uintptr(gen)))
}

// extraOf returns the extension of life gen. It returns nil if that life has none, or if the
// descriptor serves another life by now.
func (d *Task) extraOf(gen uint32) *Extra {
	if x := d.extra.Load(); d.Gen() == gen { // in this order: see above
		return x
	}
	return nil
}

// ChunkSize is the number of descriptors in a [Chunk].
const ChunkSize = 62

// A Chunk is a piece of memory with descriptors, which are aligned to cache lines. Each descriptor
// has in front of it the memory into which its Ctxs point, and the two lines that a Ctx takes by
// its type end within the Chunk. The allocator puts 8 bytes in front of an object with pointers, so
// a Chunk fills one 4 KB size class.
type Chunk struct {
	_ [Line - 8]byte
	D [ChunkSize]Task
	_ [Line]byte
}

// NewChunk returns a new Chunk. Its descriptors are not initialised.
func NewChunk() *Chunk {
	c := new(Chunk)
	if at := uintptr(unsafe.Pointer(&c.D)); at%Line != 0 {
		panic(fmt.Sprintf("heddle: the allocator of this release of Go has put task descriptors at "+
			"%#x, which is not a multiple of %d: use a release of heddle that knows it", at, Line))
	}
	return c
}
