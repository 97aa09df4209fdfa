//go:build !heddle_model

package wait

import (
	"context"

	"github.com/heddle-go/heddle/internal/rt"
)

// Caller returns the task that the calling code runs as, or nil if the caller is an ordinary
// goroutine. That task is the one that parks if the caller waits under ctx. Caller panics if ctx is
// nil.
func Caller(ctx context.Context) *rt.Task {
	if ctx == nil {
		panic(NilContext)
	}
	return rt.Current()
}
