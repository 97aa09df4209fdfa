package rt

import "sync"

// indexes has the values of Worker.Index that are in use.
var indexes struct {
	mu   sync.Mutex
	used []bool
}

// TakeIndex returns the least Worker.Index that is free, for a worker that is being made.
func TakeIndex() int {
	x := &indexes
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, u := range x.used {
		if !u {
			x.used[i] = true
			return i
		}
	}
	x.used = append(x.used, true)
	return len(x.used) - 1
}

// ReleaseIndex frees i, an index of TakeIndex whose worker has ended.
func ReleaseIndex(i int) {
	x := &indexes
	x.mu.Lock()
	defer x.mu.Unlock()
	x.used[i] = false
}
