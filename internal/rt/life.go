package rt

import "unsafe"

// A Life is one life of a descriptor, and the context of the task that this life is. Package task
// gives it to users as task.Ctx, a type with the same layout.
//
// A Life has no memory of its own. Its address is that of a byte of the descriptor: the address of
// the descriptor, which is a multiple of Lives, plus the generation. So the address names the
// descriptor and the generation, as a [Handle] does. A descriptor serves at most Lives tasks, and
// so no two tasks have the same Life as long as any pointer to it keeps the memory.
//
// A Life may be kept for longer than its task runs, above all by contexts derived from it. The
// descriptor may then serve another task. Its Life must never show that task's values or end, and
// must not act on that task. Three rules ensure this:
//
//   - Each method compares the generation, as for a Handle. If the descriptor has gone on to
//     another generation, the life has ended: it returned, was not cancelled, and had no values.
//     The method need not know more to answer.
//   - A life that was cancelled, has a name or is under a context with values or a deadline is the
//     descriptor's last. Finish looks at flagCancelled; Start sets flagEscaped for the others.
//   - A method that needs more than one look at the descriptor makes the life the last one before
//     it looks: see escape.
//
// The step that matters in the third rule is the CAS of escape, against that of Finish:
//
//	method of a kept Ctx                     finisher, and the next party to start
//	Life-P1  load the word; if it is not     Life-F1  CAS Active to Free in the next
//	         live in the Ctx's generation,            generation, only if flagEscaped
//	         the life has ended                       is unset; otherwise to Done
//	Life-P2  CAS flagEscaped in              Life-F2  Start: store the word, Active
//	Life-P3  use the descriptor's fields              in that generation
//
// Renew is Life-F1 and Life-F2 in one CAS, under the condition of Life-F1.
//
// Both CASes change the same word. If Life-P2 comes first, Life-F1 sees flagEscaped and the word
// stays Done in this generation: no later life has fields that Life-P3 could see. If Life-F1 comes
// first, Life-P2 fails, because the generation has changed, and it never comes back: the generation
// only rises, and Finish ends the descriptor's use after the last one.
//
// No code reads or writes a Life itself. It has the size of a descriptor, and so the alignment that
// the allocator gives to that size. So if a program makes one, new(task.Ctx), it is taken for a
// descriptor of its own, which serves no task.
type Life struct {
	_ noCopy
	_ [Lives]byte
}

// noCopy makes go vet report copies of a struct that has it as a field. A copy of a Life would have
// an address that is in no descriptor.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// Lives is the number of tasks that a descriptor serves at most. It is the size of a descriptor,
// and descriptors must be aligned to it.
const Lives = 64

var _ [Lives]struct{} = [unsafe.Sizeof(Task{})]struct{}{}

// Task returns the descriptor, which may serve another task by now, or nil if c is nil.
func (c *Life) Task() *Task {
	return (*Task)(unsafe.Pointer(uintptr(unsafe.Pointer(c)) &^ (Lives - 1)))
}

// Gen returns the generation.
func (c *Life) Gen() uint32 { return uint32(uintptr(unsafe.Pointer(c))) % Lives }

// is reports whether s is a word of life c.
func (c *Life) is(s Status) bool {
	return (uint32(s>>flagBits)^uint32(uintptr(unsafe.Pointer(c))))%Lives == 0
}

// Handle returns the handle of life c.
func (c *Life) Handle() Handle { return Handle{c.Task(), c.Gen()} }

// Life returns the present life of d.
func (d *Task) Life() *Life {
	return (*Life)(unsafe.Add(unsafe.Pointer(d), d.status.Load()>>flagBits%Lives))
}

// LifeOf is Life for a d that may be nil.
func LifeOf(d *Task) *Life {
	if d == nil {
		return nil
	}
	return d.Life()
}

// Escape notes that c is used as a context.Context and so may be used after the task has ended: if
// life c has not ended, it becomes the descriptor's last. Escape reports whether the descriptor
// serves no life after c. If not, life c has ended.
func (c *Life) Escape() bool {
	d := c.Task()
	return d.escape(c.Gen()) || c.is(d.Status())
}

// Extra returns the extension of life c, or nil. It returns nil if the descriptor has gone on to
// another life. The result may be that of a life without a context that has ended meanwhile. It is
// never that of a later life, because Start stores the extension only after Finish has raised the
// generation, and Extra looks at the generation after it has loaded the extension.
func (c *Life) Extra() *Extra {
	d := c.Task()
	if x := d.Extra(); x != nil && c.is(d.Status()) {
		return x
	}
	return nil
}
