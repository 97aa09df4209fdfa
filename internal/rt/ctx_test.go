package rt_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// OfCtx recognises a task's Ctx, and rejects types that only look like one, above all a type of one
// word that holds the same pointer.
func TestOfCtx(t *testing.T) {
	d := new(rt.Task)
	c := (*task.Ctx)(d.Life())
	require.Same(t, d.Life(), rt.OfCtx(c))
	require.Nil(t, rt.OfCtx((*task.Ctx)(nil)))
	var none context.Context
	require.Nil(t, rt.OfCtx(none))
	require.Nil(t, rt.OfCtx(context.Background()))
	require.Nil(t, rt.OfCtx(struct{ *task.Ctx }{c}))
	require.Nil(t, rt.OfCtx(struct{ context.Context }{c}))
	type pointer *task.Ctx
	require.Same(t, d.Life(), rt.OfCtx((*task.Ctx)(pointer(c))))
	derived, cancel := context.WithCancel(context.Background())
	defer cancel()
	require.Nil(t, rt.OfCtx(derived))
	var boxed any = c
	require.Same(t, d.Life(), rt.OfCtx(boxed.(context.Context)), "by a conversion at run time")
}

var sink *rt.Task

// BenchmarkOfCtx measures OfCtx beside two alternatives: a function of package task called through
// a variable, and a type assertion.
func BenchmarkOfCtx(b *testing.B) {
	var ctx context.Context = (*task.Ctx)(new(rt.Task).Life())
	ofCtx := func(ctx context.Context) *rt.Task {
		c, _ := ctx.(*task.Ctx)
		return (*rt.Life)(c).Task()
	}
	variable := &ofCtx
	b.Run("words", func(b *testing.B) {
		for b.Loop() {
			sink = rt.OfCtx(ctx).Task()
		}
	})
	b.Run("variable", func(b *testing.B) {
		for b.Loop() {
			sink = (*variable)(ctx)
		}
	})
	b.Run("assertion", func(b *testing.B) {
		for b.Loop() {
			c, _ := ctx.(*task.Ctx)
			sink = (*rt.Life)(c).Task()
		}
	})
}
