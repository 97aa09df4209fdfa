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
// There are three kinds of lists. A [List] is a queue that an element can leave from the middle. A
// [Chain] holds elements that a waker has taken out of queues and will wake. A [Stack] holds
// elements of which the last one comes first. An element is in at most one list at a time, of
// whatever kind. The zero value of each kind is empty. The links of an element that is in no list
// are zero.
//
// Nothing here is safe for concurrent use: a lock, or an owner, guards a list and the links of its
// elements. A caller that adds an element which is in a list already breaks both lists. No
// operation checks for that, because the check would cost every wait one more load.
package list

import "unsafe"

// Links holds the links of an element. A type E that embeds Links[E] can be in lists of E. Links[E]
// must be the first field of E, because this package takes the address of an element as the address
// of its links. A test of package docs checks each type that embeds Links.
//
// Two ways without unsafe were rejected. A method of E that returns the links costs an indirect
// call for each access, because generic code calls the methods of a type parameter through a
// dictionary. A pointer from the links back to the element costs a word and a load. The conversions
// are not in a function, because a generic function that is inlined into an inlined generic method
// still loads its dictionary (go build -gcflags=-S).
type Links[E any] struct {
	next, prev *E
	in         *List[E] // the List that the element is in, or nil
}

// Next returns the next element of the List or Chain, or nil if this one is the last.
func (k *Links[E]) Next() *E { return k.next }

// Leave takes the element out of its List and reports true. It reports false, and changes nothing,
// if the element is in no List.
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

// A List is a first-in-first-out queue whose elements can leave it. A List must not be copied,
// because its elements point to it.
type List[E any] struct {
	// First is the first element, or nil if the list is empty. Only this package writes it. It is a
	// field and not a method, because a method call counts for more in the inliner's budget. With a
	// method, the compiler would not inline the helpers of tsync.Chan that look at two queues.
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

// TakeAll takes all elements out and returns them in order.
func (l *List[E]) TakeAll() Chain[E] {
	c := Chain[E](*l)
	for e := l.First; e != nil; e = (*Links[E])(unsafe.Pointer(e)).next {
		(*Links[E])(unsafe.Pointer(e)).prev, (*Links[E])(unsafe.Pointer(e)).in = nil, nil
	}
	*l = List[E]{}
	return c
}

// A Chain is a first-in-first-out queue that its elements cannot leave. It may be copied if only
// the copy is used from then on.
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

// A Stack is a last-in-first-out list that its elements cannot leave. It may be copied if only the
// copy is used from then on.
type Stack[E any] struct {
	First *E // the latest element, or nil if the stack is empty. Only this package writes it
}

// Push puts e, which is in no list, on the stack.
func (s *Stack[E]) Push(e *E) {
	(*Links[E])(unsafe.Pointer(e)).next = s.First
	s.First = e
}

// Pop takes the element that was pushed last, or returns nil if the stack is empty.
func (s *Stack[E]) Pop() *E {
	e := s.First
	if e != nil {
		k := (*Links[E])(unsafe.Pointer(e))
		s.First, k.next = k.next, nil
	}
	return e
}
