//go:build !heddle_model

package wait

import (
	"context"

	"github.com/heddle-go/heddle/internal/rt"
)

// Caller returns the task that waits if the calling code waits under ctx: the task that the caller
// runs as, or nil on an ordinary goroutine. It panics if ctx is nil.
func Caller(ctx context.Context) *rt.Task {
	if ctx == nil {
		panic(NilContext)
	}
	return rt.Current()
}
