// Package deque implements the public package of the same name, whose doc explains how to use it.
// It adds what only workers need: looking ahead ([Owner.Peek]), elements that stay in their slots
// to be used again ([Owner.TakeBackIf]), and an account of what an exposure shows to thieves
// ([Owner.EachPrivate]). invariant.go argues for its correctness.
package deque
