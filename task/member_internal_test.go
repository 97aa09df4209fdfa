package task

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// A member is pooled only if the list of the group's members does not have it any more. While the
// group cancels its members, a member that ends stays in the list.
func TestDelist(t *testing.T) {
	g := &Group{}
	enlisted := func() *ctxMember {
		h := &ctxMember{member: member{g: g}}
		g.running.Push(h)
		return h
	}
	require.True(t, enlisted().delist())
	require.Nil(t, g.running.First)
	taken := enlisted()
	g.running.Pop()
	require.True(t, taken.delist(), "nothing refers to a member that was taken out")
	left := enlisted()
	g.draining.Store(true)
	require.False(t, left.delist())
	require.Same(t, left, g.running.First)
}

// The context of a group is bare only if no Ctx under it could ever show a value or a deadline.
func TestIsBare(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	require.True(t, isBare(context.Background()))
	require.True(t, isBare(context.TODO()))
	require.False(t, isBare(ctx), "package task cannot know what is above")
	timed, stop := WithTimeout(context.Background(), 1<<40)
	defer stop()
	require.False(t, isBare(timed))
}
