//go:build heddle_model

package task

import (
	"context"

	"github.com/heddle-go/heddle/internal/explore"
	"github.com/heddle-go/heddle/internal/rt"
)

// caller returns the task that waits when the calling code waits under ctx: the one that calls, or nil. The threads of a model are
// no fibers; there the context says which task a thread stands for.
func caller(ctx context.Context) *Ctx {
	if ctx == nil {
		panic(nilContext)
	}
	if explore.Active() {
		c, _ := From(ctx)
		return c
	}
	return (*Ctx)(rt.Current())
}
