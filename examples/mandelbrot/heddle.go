package main

import (
	"image"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// onHeddle renders the rows with parallel.For, which splits the rows among the workers as they
// become idle.
func onHeddle(v view, img *image.RGBA, workers int, show func(done, total int)) error {
	sched, err := scheduler.New(scheduler.WithWorkers(workers))
	if err != nil {
		return err
	}
	defer sched.Close()
	_, err = parallel.Run(sched, func(c *task.Ctx) (struct{}, error) {
		return struct{}{}, parallel.For(c, v.height, func(_ *task.Ctx, y int) { v.row(img, y) },
			parallel.WithProgress(20*time.Millisecond, show))
	})
	return err
}
