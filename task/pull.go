package task

import (
	"iter"
	"runtime"
	"unsafe"

	"github.com/heddle-go/heddle/internal/fiber"
	"github.com/heddle-go/heddle/internal/rt"
)

// Pull is [iter.Pull] for tasks. next returns the values of seq one by one, and stop ends the
// sequence. Between two calls the task may suspend, and so move to another thread. If workers are
// pinned, iter.Pull would end the process then ("coro: OS thread locking must match locking at
// coroutine creation"), because a coroutine belongs to the thread that was locked when the
// coroutine was made. Pull, next and stop therefore unlock the thread while they create, enter and
// leave the sequence, which costs about 2 ns. There is another difference: the code in a sequence
// of iter.Pull does not count as the task, so an operation that waits there blocks the worker.
//
// Only the task c may call Pull, next and stop. They panic if another task or a goroutine calls
// them. The task must call stop unless next has returned false, because otherwise the sequence is
// never collected.
//
// seq runs as part of the task, on a stack of its own, and may suspend the task, for example by
// c.Yield. If seq panics or calls runtime.Goexit, so does next or stop, and the sequence has ended.
func Pull[V any](c *Ctx, seq iter.Seq[V]) (next func() (V, bool), stop func()) {
	if seq == nil {
		panic("task: Pull with a nil sequence")
	}
	if c == nil {
		panic("task: Pull with a nil Ctx: pass the c of the task that runs")
	}
	pinned := c.record().Shared().Pinned
	swap := func(what func()) {
		if rt.Current() != c.record() {
			panic("task: Pull, or its next or stop, called by another than the task c: each task uses the c that its own function was given")
		}
		if pinned {
			runtime.UnlockOSThread()
			defer runtime.LockOSThread()
		}
		what()
	}
	var n func() (V, bool)
	var s func()
	swap(func() {
		n, s = iter.Pull(func(yield func(V) bool) {
			if pinned {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
			}
			defer fiber.Stand(unsafe.Pointer(c.record()))()
			seq(func(v V) bool {
				if pinned {
					runtime.UnlockOSThread()
					defer runtime.LockOSThread()
				}
				return yield(v)
			})
		})
	})
	return func() (v V, ok bool) {
		swap(func() { v, ok = n() })
		return v, ok
	}, func() { swap(s) }
}

// Pull2 is [Pull] for sequences of pairs, like [iter.Pull2].
func Pull2[K, V any](c *Ctx, seq iter.Seq2[K, V]) (next func() (K, V, bool), stop func()) {
	if seq == nil {
		panic("task: Pull2 with a nil sequence")
	}
	type pair struct {
		k K
		v V
	}
	n, stop := Pull(c, func(yield func(pair) bool) {
		seq(func(k K, v V) bool { return yield(pair{k, v}) })
	})
	return func() (K, V, bool) {
		x, ok := n()
		return x.k, x.v, ok
	}, stop
}
