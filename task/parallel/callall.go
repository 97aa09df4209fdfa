package parallel

import (
	"slices"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// CallAll calls the function with each of args, in parallel where workers are idle, and returns the results in their order. It makes
// the first call itself and forks the others, as Fork does; then it joins them. Only the result is allocated: [Func.AppendAll]
// spares that too.
//
// If a call panics, so does CallAll, with the [*task.PanicError] that Join would have panicked with, when all calls that others have
// started have ended; calls that no worker has started are not made then. If a call is ended by runtime.Goexit, so is the calling
// task, unless another call that has been started panics: then the task fails with that. Cancelling the task does not keep calls
// from being made, nor end the wait for them.
//
// CallAll must be called by the running task c. It parks the task while other workers make calls. It is for a few args, such as the
// children of a node; for many, [Map] finds out how finely to split. Beside Fork and Join by hand it costs some 30 ns a call of
// CallAll, mostly for args and results that a loop would keep in registers.
func (f *Func[A, R]) CallAll(c *task.Ctx, args []A) []R {
	return f.AppendAll(c, make([]R, 0, len(args)), args)
}

// AppendAll is [Func.CallAll] that appends the results to dst, and returns it. If dst has room for them, it allocates nothing once the
// worker's pool of frames has grown to the depth of the recursion. A panic leaves the room in dst undefined.
//
//	var room [8]int // on the stack
//	for _, n := range count.AppendAll(c, room[:0], children) {
//		sum += n
//	}
func (f *Func[A, R]) AppendAll(c *task.Ctx, dst []R, args []A) []R {
	if len(args) == 0 {
		return dst
	}
	if rt.Verify || c == nil {
		verify(c, "CallAll")
	}
	old := len(dst)
	dst = slices.Grow(dst, len(args))[:old+len(args)]
	mark := (*rt.Task)(c).Outstanding()
	in := c // nil once all has returned: see Join
	defer func() {
		if in != nil && !passesThrough(in, mark) {
			raise(in, mark, recover())
		}
	}()
	f.callAll(c, dst[old:], args)
	in = nil
	return dst
}

// callAll writes the results to dst. If a call panics, what it has forked stays.
func (f *Func[A, R]) callAll(c *task.Ctx, dst []R, args []A) {
	var few [8]*Call[A, R]
	first := max(len(args)-len(few), 1)
	calls := few[:len(args)-first]
	// The last is forked first, so that the second is the newest and is joined first.
	for i := len(calls) - 1; i >= 0; i-- {
		calls[i] = f.Fork(c, args[first+i])
	}
	if first == 1 {
		dst[0] = f.fn(c, args[0])
	} else {
		f.callAll(c, dst[:first], args[:first])
	}
	for i, x := range calls {
		dst[first+i] = x.Join(c)
	}
}
