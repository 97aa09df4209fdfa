//go:build heddle_model

package wait

import (
	"context"

	"github.com/heddle-go/heddle/internal/explore"
	"github.com/heddle-go/heddle/internal/rt"
)

// Caller returns the task that waits when the calling code waits under ctx: the one that calls, or nil. It panics if ctx is nil.
// The threads of a model are no fibers; there the context says which task a thread stands for.
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
