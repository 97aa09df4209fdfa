package rt

import (
	"context"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// TestEachLifeHasACtx goes through the lives of the first and the last descriptor of a chunk. The
// Ctx of a life that is over shows nothing of the present life, which is cancelled for a deadline,
// or under a context, or neither.
func TestEachLifeHasACtx(t *testing.T) {
	under := &ParentContext{Context: context.WithValue(context.Background(), words{}, 1)}
	chunk := NewChunk()
	for _, d := range []*Task{&chunk.D[0], &chunk.D[ChunkSize-1]} {
		d.Init(&Worker{Shared: &Shared{}})
		var old []*Ctx
		for life := range uint32(Lives) {
			x := &Extra{}
			d.Start("fn", x)
			c := d.Ctx()
			require.Same(t, d, c.Task())
			require.Equal(t, life, c.Life())
			require.NotContains(t, old, c)
			require.GreaterOrEqual(t, uintptr(unsafe.Pointer(c)), uintptr(unsafe.Pointer(chunk)))
			require.LessOrEqual(t, uintptr(unsafe.Pointer(c))+unsafe.Sizeof(Ctx{}), uintptr(unsafe.Pointer(chunk))+unsafe.Sizeof(Chunk{}))
			require.NoError(t, c.Err())
			require.Same(t, x, c.Extra())
			x.Parents = under // as if it had begun so, but the descriptor serves again
			for _, c := range old {
				require.Equal(t, context.Canceled, c.Err())
				require.Equal(t, context.Canceled, c.Cause())
				require.Zero(t, c.Status())
				require.Nil(t, c.Extra())
				c.EachParent(func(context.Context) bool { panic("of another life") })
				require.Nil(t, c.Inner())
				require.Nil(t, c.Family())
				<-c.Done()
				_, ok := c.AfterDone(func() {})
				require.False(t, ok)
			}
			require.False(t, d.Status().has(flagEscaped), "the old ones have kept the descriptor")
			x.Parents = nil
			old = append(old, c)
			_, free := d.Finish(Returned)
			require.Equal(t, life+1 < Lives, free)
		}
	}
}

// TestZeroCtx: the descriptor of a zero Ctx is inside of the Ctx, whatever the address of that. So
// a Ctx that no task has is an empty descriptor, and its methods report a nil pointer.
func TestZeroCtx(t *testing.T) {
	memory := new([2*Line + unsafe.Sizeof(Ctx{})]byte)
	for at := range 2 * Line {
		c := (*Ctx)(unsafe.Pointer(&memory[at]))
		first, last := uintptr(unsafe.Pointer(c)), uintptr(unsafe.Pointer(c))+unsafe.Sizeof(*c)
		d := uintptr(unsafe.Pointer(c.Task()))
		require.Zero(t, d%Line)
		require.GreaterOrEqual(t, d, first)
		require.LessOrEqual(t, d+unsafe.Sizeof(Task{}), last)
		require.Nil(t, c.Worker())
		require.Panics(t, func() { c.Yield() })
		require.Panics(t, func() { _ = c.Park() })
	}
	require.Nil(t, (*Ctx)(nil).Task())
}
