//go:build heddle_model

package rt

// Free, Watched and Watch are those of watch.go for models, in which no scheduler watches locks: a
// load more in each operation of a lock would only multiply the schedules.
func Free() uint32 { return 0 }

// Watched reports false.
func Watched() bool { return false }

// Watch does nothing.
func Watch(int) {}
