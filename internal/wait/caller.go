//go:build !heddle_model

package wait

import (
	"context"

	"github.com/heddle-go/heddle/internal/rt"
)

// Caller returns the task that waits when the calling code waits under ctx: the one that calls, or nil. It panics if ctx is nil.
func Caller(ctx context.Context) *rt.Task {
	if ctx == nil {
		panic(NilContext)
	}
	return rt.Current()
}
