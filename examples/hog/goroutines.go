package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// onGoroutines runs hogs and short tasks as goroutines.
func onGoroutines(length time.Duration, giveWay func()) outcome {
	var wg sync.WaitGroup
	var chunks atomic.Int64
	r := newRecorder(length)
	end := r.start.Add(length)
	wg.Go(func() {
		for range runtime.GOMAXPROCS(0) {
			wg.Go(func() { chunks.Add(hog(end, giveWay)) })
		}
		for i := range r.took {
			time.Sleep(time.Until(r.due(i)))
			wg.Go(func() { r.short(i) })
		}
	})
	wg.Wait()
	return outcome{r.took, chunks.Load()}
}
