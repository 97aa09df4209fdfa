package main

import (
	"image"
	"sync"
	"sync/atomic"
)

// sides are the ways to render the image. Each calls show with the number of rows that are done.
var sides = []struct {
	name   string
	render func(v view, img *image.RGBA, workers int, show func(done, total int)) error
}{
	{"sequential", sequential},
	{"goroutines", onGoroutines},
	{"heddle", onHeddle},
}

func sequential(v view, img *image.RGBA, _ int, show func(done, total int)) error {
	for y := range v.height {
		v.row(img, y)
		show(y+1, v.height)
	}
	return nil
}

// onGoroutines renders with as many goroutines as workers. Each takes the next row when it has
// finished one.
func onGoroutines(v view, img *image.RGBA, workers int, show func(done, total int)) error {
	var next, done atomic.Int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				y := int(next.Add(1)) - 1
				if y >= v.height {
					return
				}
				v.row(img, y)
				n := int(done.Add(1))
				mu.Lock()
				show(n, v.height)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return nil
}
