package rt

import (
	"context"
	"unsafe"
)

// This is how package context treats a context that is not its own.
//
// To register a context derived from p, package context asks p.Value for a key of its own. If that
// returns a context of package context with p's Done channel, it registers the derived context
// there. Otherwise, if p has a method AfterFunc, it calls AfterFunc with a function that ends the
// derived context. Otherwise it starts a goroutine. [context.Cause] asks for the same key, and
// returns the cause of the context that it gets. When the derived context ends before p, package
// context takes it out again. To find the place, it asks p for Done and Value once more, or calls
// the function that AfterFunc has returned.
//
// We find the key once, by deriving a context from a probe that notes what it is asked for. If a
// later version of package context asks for no key, derived contexts are registered by AfterFunc,
// and context.Cause returns Err. If it passes another kind of function to AfterFunc, each such
// function gets a goroutine of its own. TestKindOf fails then.

// StdKey is package context's key.
var StdKey any

// propagation is the code address of the function that package context passes to AfterFunc, or 0.
// The function is a closure, and propagationParent is the number of the word in it where the
// context that AfterFunc was called on begins, or 0.
var (
	propagation       uintptr
	propagationParent int
)

func init() {
	p := &probe{Context: context.Background(), done: make(chan struct{})}
	_, cancel := context.WithCancel(p)
	cancel()
	if StdKey = p.key; p.key == nil {
		StdKey = new(int) // equal to no other
	}
	if p.f == nil {
		return
	}
	closure := wordsOfFunc(p.f)
	propagation = closure[0]
	parent := context.Context(p)
	w := wordsOf(&parent)
	for i := 1; i+1 < len(closure); i++ {
		if closure[i] == uintptr(w.tab) && closure[i+1] == uintptr(w.data) {
			propagationParent = i
		}
	}
}

// wordsOfFunc returns the first words of the closure f: its code address, and what it has captured.
// If f has captured less, the rest is other memory.
//
//go:nocheckptr
func wordsOfFunc(f func()) *[5]uintptr {
	return *(**[5]uintptr)(unsafe.Pointer(&f))
}

// A FuncKind says where the argument of AfterFunc comes from.
type FuncKind uint8

// The kinds.
const (
	UsersFunc FuncKind = iota // a user's function
	// ForeignEnd ends a context that package context has derived from one of a user's type that
	// passes AfterFunc on. It calls methods of that type.
	ForeignEnd
	// OwnEnd ends a context that was derived from one of ours. It calls no user's code.
	OwnEnd
)

// KindOf returns the kind of f, the argument of AfterFunc of one of our contexts.
func KindOf(f func()) FuncKind {
	closure := wordsOfFunc(f)
	if closure[0] != propagation || propagation == 0 {
		return UsersFunc
	}
	if i := propagationParent; i == 0 || !isOurs(closure[i]) {
		return ForeignEnd
	}
	return OwnEnd
}

// A probe notes the key and the function that package context passes to it.
type probe struct {
	context.Context
	done chan struct{}
	key  any
	f    func()
}

// Done implements context.Context.
func (p *probe) Done() <-chan struct{} { return p.done }

// Value implements context.Context.
func (p *probe) Value(key any) any {
	p.key = key
	return nil
}

// AfterFunc is the method that package context looks for.
func (p *probe) AfterFunc(f func()) func() bool {
	p.f = f
	return func() bool { return true }
}

// A seen stands for a user's context under which heddle has a context of package context. The
// methods of the user's context may wait, for example for a lock that a task holds. heddle ends the
// context below it on workers, which must not wait. So See asks the user's context beforehand for
// what package context needs to take the context below out again, and the seen gives these answers
// in place of the user's context.
type seen struct {
	context.Context
	done <-chan struct{}
	std  any // the value for StdKey, or nil
}

// See returns a context from which package context can derive a context. When package context takes
// the derived context out again, it calls no method of ctx. See itself calls the methods of ctx, on
// behalf of a user.
func See(ctx context.Context) context.Context {
	if isOurs(uintptr(wordsOf(&ctx).tab)) {
		return ctx // Done, AfterFunc, and Value for StdKey do not wait
	}
	if IsStd(&ctx) {
		return ctx
	}
	x := &seen{Context: ctx, done: ctx.Done()}
	if x.done != nil {
		x.std = ctx.Value(StdKey)
	}
	if std, ok := x.std.(context.Context); ok && *wordsOf(&std) == *wordsOf(&ctx) {
		return ctx // it is of package context itself
	}
	return x
}

// Within returns ctx for package context to derive a context from, which then becomes a child of
// inner. inner is of package context, and has the Done channel of ctx.
func Within(ctx, inner context.Context) context.Context {
	return &seen{ctx, inner.Done(), inner.Value(StdKey)}
}

// Done implements context.Context.
func (x *seen) Done() <-chan struct{} { return x.done }

// Value implements context.Context.
func (x *seen) Value(key any) any {
	if key == StdKey && x.std != nil {
		return x.std
	}
	return x.Context.Value(key)
}

// AfterFunc is the method that package context looks for if it does not find one of its own
// contexts. f runs where the user's context calls it or, if that has no AfterFunc, on a goroutine,
// as package context would do it. stop does not wait, and package context ignores its result.
func (x *seen) AfterFunc(f func()) (stop func() bool) {
	if a, ok := x.Context.(interface {
		AfterFunc(f func()) (stop func() bool)
	}); ok {
		stop := a.AfterFunc(f)
		return func() bool {
			go quietly(func() { stop() })
			return true
		}
	}
	stopped := make(chan struct{})
	go func() {
		select {
		case <-x.done:
			f()
		case <-stopped:
		}
	}()
	return func() bool {
		close(stopped)
		return true
	}
}

// quietly calls f and drops its panic. f is a function of a user's context that unregisters a
// context. If it panics, that context stays registered until the user's context ends, which does no
// harm.
func quietly(f func()) {
	defer func() { _ = recover() }()
	f()
}
