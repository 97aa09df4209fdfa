// Package list has the intrusive lists of the module. The links are part of the element, so no
// operation allocates, and an element that waits in a queue can leave it from the middle:
//
//	type waiter struct {
//		list.Links[waiter] // first
//		...
//	}
//
//	var queue list.List[waiter]
//	queue.Push(w)
//	...
//	w.Leave()
//
// There are three kinds, and an element is in at most one list at a time, of whatever kind. A [List] is
// a queue that elements can leave; a [Chain] is what has been taken out of queues and is to be woken; a
// [Stack] holds what is free. The zero value of each is empty, and so are the links of an element
// that is in none.
//
// Nothing here is safe for concurrent use: a lock, or an owner, guards a list and the links of its
// elements. No operation checks that an element is in no list before it is added, because that would be a
// load more in every wait.
package list

import "unsafe"

// Links make a type E that embeds Links[E] the type of the elements of lists. They must be the first
// field of E, because the address of an element is that of its links. A test of package docs
// looks at each type that embeds them.
//
// A method of E that returns the links would do without unsafe, and cost an indirect call for each
// access: generic code calls a method of a type parameter through its dictionary, also if the type
// is known. A pointer from the links back to the element would cost a word and a load. The conversions
// stand where they are needed, and not in a function, because inside an inlined generic method the
// call of another generic function loads a dictionary even when both are inlined.
type Links[E any] struct {
	next, prev *E
	in         *List[E] // the List that the element is in, or nil
}

// Next returns the element behind k's in its List or Chain, or nil if it is the last.
func (k *Links[E]) Next() *E { return k.next }

// Listed reports whether the element is in a List.
func (k *Links[E]) Listed() bool { return k.in != nil }

// Leave takes the element out of its List and reports true. It reports false, and changes nothing, if the
// element is in no List.
func (k *Links[E]) Leave() bool {
	l := k.in
	if l == nil {
		return false
	}
	if k.prev == nil {
		l.First = k.next
	} else {
		(*Links[E])(unsafe.Pointer(k.prev)).next = k.next
	}
	if k.next == nil {
		l.last = k.prev
	} else {
		(*Links[E])(unsafe.Pointer(k.next)).prev = k.prev
	}
	k.next, k.prev, k.in = nil, nil, nil
	return true
}

// A List is a first-in-first-out queue whose elements can leave it. It must not be copied.
type List[E any] struct {
	// First is the first element, or nil if the list is empty. Only this package writes it. It is no method
	// because a call, even an inlined one, is dearer to the inliner: callers with two of them, such as
	// those of tsync's Chan, would not be inlined any more.
	First *E
	last  *E
}

// Push puts e, which is in no list, behind all others.
func (l *List[E]) Push(e *E) {
	k := (*Links[E])(unsafe.Pointer(e))
	k.in, k.prev = l, l.last
	if l.last == nil {
		l.First = e
	} else {
		(*Links[E])(unsafe.Pointer(l.last)).next = e
	}
	l.last = e
}

// PushFront puts e, which is in no list, before all others.
func (l *List[E]) PushFront(e *E) {
	k := (*Links[E])(unsafe.Pointer(e))
	k.in, k.next = l, l.First
	if l.First == nil {
		l.last = e
	} else {
		(*Links[E])(unsafe.Pointer(l.First)).prev = e
	}
	l.First = e
}

// Pop takes the first element out, or returns nil if the list is empty.
func (l *List[E]) Pop() *E {
	e := l.First
	if e == nil {
		return nil
	}
	k := (*Links[E])(unsafe.Pointer(e))
	l.First = k.next
	if k.next == nil {
		l.last = nil
	} else {
		(*Links[E])(unsafe.Pointer(k.next)).prev = nil
	}
	k.next, k.in = nil, nil
	return e
}

// TakeAll takes all elements out.
func (l *List[E]) TakeAll() Chain[E] {
	c := Chain[E](*l)
	for e := l.First; e != nil; e = (*Links[E])(unsafe.Pointer(e)).next {
		(*Links[E])(unsafe.Pointer(e)).prev, (*Links[E])(unsafe.Pointer(e)).in = nil, nil
	}
	*l = List[E]{}
	return c
}

// A Chain is a first-in-first-out queue that no element leaves but by Take. A Chain that was copied, or
// returned, replaces the original.
type Chain[E any] struct {
	First *E // the first element, or nil if the chain is empty. Only this package writes it
	last  *E // stale if the chain is empty
}

// Add puts e, which is in no list, behind all others.
func (c *Chain[E]) Add(e *E) {
	if c.First == nil {
		c.First = e
	} else {
		(*Links[E])(unsafe.Pointer(c.last)).next = e
	}
	c.last = e
}

// Take takes the first element out, or returns nil if the chain is empty.
func (c *Chain[E]) Take() *E {
	e := c.First
	if e == nil {
		return nil
	}
	k := (*Links[E])(unsafe.Pointer(e))
	c.First, k.next = k.next, nil
	return e
}

// A Stack returns the element that was pushed last. A Stack that was copied, or returned, replaces the
// original.
type Stack[E any] struct {
	top *E
}

// Push puts e, which is in no list, on the stack.
func (s *Stack[E]) Push(e *E) {
	(*Links[E])(unsafe.Pointer(e)).next = s.top
	s.top = e
}

// Pop takes the element that was pushed last, or returns nil if the stack is empty.
func (s *Stack[E]) Pop() *E {
	e := s.top
	if e != nil {
		k := (*Links[E])(unsafe.Pointer(e))
		s.top, k.next = k.next, nil
	}
	return e
}
