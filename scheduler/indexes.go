package scheduler

import "sync"

// indexes hands out rt.Worker.Index: the least numbers that are free.
var indexes indexSet

type indexSet struct {
	mu   sync.Mutex
	used []bool
}

func (x *indexSet) take() int {
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

func (x *indexSet) give(i int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.used[i] = false
}
