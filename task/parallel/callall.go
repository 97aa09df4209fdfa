package parallel

import (
	"slices"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// CallAll calls the function with each of args, in parallel where workers are idle, and returns the
// results in the order of args. It makes the first call itself and forks the others, as Fork does.
// Then it joins them. It allocates only the result. [Func.AppendAll] avoids that allocation too.
//
// If a call panics, CallAll waits until all calls that other workers have started have ended. Then
// it panics with the same [*task.PanicError] as Join would. It does not make the calls that no
// worker has started. If runtime.Goexit ends a call, it also ends the calling task, unless another
// call that has started panics. In that case the task fails with the panic. Cancelling the task
// neither prevents calls nor ends the wait for them.
//
// The running task c must call CallAll. CallAll parks the task while other workers make calls. It
// is meant for a few args, such as the children of a node. For many args use [Map], which works out
// how finely to split. Compared with Fork and Join by hand, a call of CallAll costs about 30 ns
// more, mostly because args and results are in memory, where a loop would keep them in registers.
func (f *Func[A, R]) CallAll(c *task.Ctx, args []A) []R {
	return f.AppendAll(c, make([]R, 0, len(args)), args)
}

// AppendAll is [Func.CallAll], but it appends the results to dst and returns the extended slice. If
// dst has room for the results, AppendAll allocates nothing, once the worker has seen the depth of
// the recursion. After a panic the contents of that room are undefined.
//
//	var room [8]int // on the stack
//	for _, n := range count.AppendAll(c, room[:0], children) {
//		sum += n
//	}
func (f *Func[A, R]) AppendAll(c *task.Ctx, dst []R, args []A) []R {
	if f == nil || f.fn == nil {
		panic(zeroFunc)
	}
	if len(args) == 0 {
		return dst
	}
	verify(c, "CallAll")
	old := len(dst)
	dst = slices.Grow(dst, len(args))[:old+len(args)]
	outstanding := (*rt.Life)(c).Task().Outstanding()
	in := c // nil once callAll has returned: see Join
	defer func() {
		if in != nil && !passesThrough(in, outstanding) {
			raise(in, outstanding, recover())
		}
	}()
	f.callAll(c, dst[old:], args)
	in = nil
	return dst
}

// callAll writes the results to dst. If a call panics, the other forked calls stay forked.
func (f *Func[A, R]) callAll(c *task.Ctx, dst []R, args []A) {
	var few [8]*Call[A, R]
	first := max(len(args)-len(few), 1)
	calls := few[:len(args)-first]
	// Fork the last call first. Then the second call is the newest, and is joined first.
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
