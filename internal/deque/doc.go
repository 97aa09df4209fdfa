// Package deque is the deque of the public package of that name, which tells how it is used, together with what only workers need:
// looking ahead, pooled elements, and an account of what is exposed. invariant.go has the argument.
package deque
