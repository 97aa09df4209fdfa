//go:build heddle_model

package deque

import "github.com/heddle-go/heddle/internal/atomicx"

// A slot is one place of a ring. In this build it is an atomic word; slot_plain.go explains why a
// plain word suffices in other builds.
type slot[T any] struct{ p atomicx.Pointer[T] }

func (s *slot[T]) load() *T   { return s.p.Load() }
func (s *slot[T]) store(x *T) { s.p.Store(x) }
