//go:build heddle_model

package rt

// Free, Watched and Watch replace those of watch.go in models. In a model no scheduler watches
// locks, because one more load in each operation of a lock would only multiply the schedules.
func Free() uint32 { return 0 }

// Watched reports false.
func Watched() bool { return false }

// Watch does nothing.
func Watch(int) {}
