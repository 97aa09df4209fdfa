// Package lockthread locks threads where that is wrong, and where it is right.
package lockthread

import (
	"runtime"
	"sync"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

func inATask(c *task.Ctx) {
	runtime.LockOSThread()         // want `runtime.LockOSThread in a task`
	defer runtime.UnlockOSThread() // want `runtime.UnlockOSThread in a task`
	c.Yield()
}

type worker struct{}

func (worker) method(_ int, c *task.Ctx) {
	runtime.LockOSThread() // want `runtime.LockOSThread in a task`
}

func inLiterals(on task.Starter) {
	runtime.LockOSThread() // of the goroutine that calls
	on.Go(func(c *task.Ctx) {
		runtime.LockOSThread() // want `runtime.LockOSThread in a task`
		func() {
			runtime.LockOSThread() // want `runtime.LockOSThread in a task`
		}()
		defer (func() {
			runtime.UnlockOSThread() // want `runtime.UnlockOSThread in a task`
		})()
	})
	g := task.NewGroup(on)
	g.Go(func(*task.Ctx) error {
		runtime.LockOSThread() // want `runtime.LockOSThread in a task`
		return nil
	})
	runtime.UnlockOSThread()
}

func inACall(c *task.Ctx) {
	parallel.Do(c, func(*task.Ctx) {
		runtime.LockOSThread() // want `runtime.LockOSThread in a task`
	})
}

func elsewhere(c *task.Ctx) {
	var wg sync.WaitGroup
	wg.Go(func() { runtime.LockOSThread() })
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer func() { runtime.UnlockOSThread() }()
	}()
	_ = c.Blocking(func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
	})
	_ = c.BlockingOrAbandon(runtime.LockOSThread)
	go func(c *task.Ctx) { _ = c }(c)
}

func noTask() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
}
