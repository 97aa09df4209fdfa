//go:build !heddle_model

package task

import (
	"context"

	"github.com/heddle-go/heddle/internal/rt"
)

// caller returns the task that waits when the calling code waits under ctx: the one that calls, or nil.
func caller(ctx context.Context) *Ctx {
	if ctx == nil {
		panic(nilContext)
	}
	return (*Ctx)(rt.Current())
}
