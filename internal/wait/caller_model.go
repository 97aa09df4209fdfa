//go:build heddle_model

package wait

import (
	"context"

	"github.com/heddle-go/heddle/internal/explore"
	"github.com/heddle-go/heddle/internal/rt"
)

// Caller returns the task that waits if the calling code waits under ctx: the task that the caller
// runs as, or nil on an ordinary goroutine. It panics if ctx is nil.
//
// A model's threads are not fibers, so in a model the context names the task that a thread stands
// for.
func Caller(ctx context.Context) *rt.Task {
	if ctx == nil {
		panic(NilContext)
	}
	if !explore.Active() {
		return rt.Current()
	}
	if d := rt.OfCtx(ctx); d != nil {
		return d
	}
	of, _ := ctx.Value(TaskKey{}).(context.Context)
	return rt.OfCtx(of)
}
