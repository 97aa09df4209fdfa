//go:build heddle_model

package wait

import (
	"context"

	"github.com/heddle-go/heddle/internal/explore"
	"github.com/heddle-go/heddle/internal/rt"
)

// Caller returns the task that the calling code runs as, or nil if the caller is an ordinary
// goroutine. That task is the one that parks if the caller waits under ctx. Caller panics if ctx is
// nil.
//
// In a model, threads are not fibers, so Caller returns the task whose Ctx ctx is or derives from:
// the thread that calls stands for this task.
func Caller(ctx context.Context) *rt.Task {
	if ctx == nil {
		panic(NilContext)
	}
	if !explore.Active() {
		return rt.Current()
	}
	if d := rt.OfCtx(ctx); d != nil {
		return d.Task()
	}
	of, _ := ctx.Value(TaskKey{}).(context.Context)
	return rt.OfCtx(of).Task()
}
