package benchmarks

import (
	"context"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/heddle-go/heddle/task"
)

// groupMembers is the size of a group in BenchmarkGroup.
const groupMembers = 1000

// BenchmarkGroup measures starting a group of 1,000 empty members and waiting for it. It compares
// task.Group with golang.org/x/sync/errgroup. limit=N bounds the active members. context=true gives
// the group a context of its own, and context=value one that is derived from a context with a
// value, like that of a request.
func BenchmarkGroup(b *testing.B) {
	limit := func(n int) []string { return []string{key("limit", n)} }
	run(b, goroutines, loop(func(b *testing.B) { groupGoroutines(b, &errgroup.Group{}) }))
	run(b, heddle, tasks(func(b *testing.B, c *task.Ctx) { groupHeddle(b, c, task.NewGroup(c)) }))
	run(b, goroutines, loop(func(b *testing.B) {
		g := &errgroup.Group{}
		g.SetLimit(8)
		groupGoroutines(b, g)
	}), limit(8)...)
	run(b, heddle, tasks(func(b *testing.B, c *task.Ctx) {
		g := task.NewGroup(c)
		g.SetLimit(8)
		groupHeddle(b, c, g)
	}), limit(8)...)
	run(b, goroutines, loop(func(b *testing.B) {
		g, _ := errgroup.WithContext(context.Background())
		groupGoroutines(b, g)
	}), "context=true")
	run(b, heddle, tasks(func(b *testing.B, c *task.Ctx) {
		g, _ := task.NewGroupContext(context.Background(), c)
		groupHeddle(b, c, g)
	}), "context=true")
	type id struct{}
	request := context.WithValue(context.Background(), id{}, 0)
	run(b, goroutines, loop(func(b *testing.B) {
		g, _ := errgroup.WithContext(request)
		groupGoroutines(b, g)
	}), "context=value")
	run(b, heddle, tasks(func(b *testing.B, c *task.Ctx) {
		g, _ := task.NewGroupContext(request, c)
		groupHeddle(b, c, g)
	}), "context=value")
}

func groupHeddle(b *testing.B, c *task.Ctx, g *task.Group) {
	for range groupMembers {
		g.Go(func(*task.Ctx) error { return nil })
	}
	want(b, "error", g.Wait(), nil)
}

func groupGoroutines(b *testing.B, g *errgroup.Group) {
	for range groupMembers {
		g.Go(func() error { return nil })
	}
	want(b, "error", g.Wait(), nil)
}
