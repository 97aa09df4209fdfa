package task_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

type livesKey struct{}

// What is derived from a task's Ctx, and the Ctx itself, stay those of a task that has ended, also
// while its descriptor serves others. None of the context's methods was called before the end.
func TestContextsOfEndedTasks(t *testing.T) {
	for _, n := range []int{1, 2, 4} {
		t.Run(fmt.Sprint("workers=", n), func(t *testing.T) {
			s, err := scheduler.New(scheduler.WithWorkers(n))
			require.NoError(t, err)
			defer s.Close()
			const tasks = 300 // several lives for each descriptor
			var kept []*task.Ctx
			var withValue, without []context.Context
			for i := range tasks {
				require.NoError(t, s.Go(func(c *task.Ctx) {
					kept = append(kept, c)
					withValue = append(withValue, context.WithValue(c, livesKey{}, i))
					without = append(without, context.WithoutCancel(c))
				}).Wait())
			}
			var alive []task.Task
			for range 1000 {
				alive = append(alive, s.Go(func(c *task.Ctx) { _ = c.Park() }))
				require.NoError(t, s.Go(func(c *task.Ctx) {}).Wait())
			}
			seen := map[*task.Ctx]bool{}
			for i := range tasks {
				c, v := kept[i], withValue[i]
				assert.False(t, seen[c], "one address for two tasks")
				seen[c] = true
				assert.Equal(t, i, v.Value(livesKey{}))
				assert.Equal(t, context.Canceled, v.Err())
				assert.Equal(t, context.Canceled, context.Cause(v))
				select {
				case <-v.Done():
				default:
					t.Error("Done is open")
				}
				assert.NoError(t, without[i].Err())
				assert.Equal(t, context.Canceled, c.Err())
				assert.Equal(t, context.Canceled, c.Cause())
				assert.Equal(t, task.Done, c.Task().State())
				_, has := c.Deadline()
				assert.False(t, has)
				c.Cancel()
				assert.Equal(t, context.Canceled, task.Sleep(c, 1))
				assert.NoError(t, s.Go(func(*task.Ctx) { assert.Equal(t, context.Canceled, task.Sleep(c, 1)) }).Wait())
			}
			for _, x := range alive {
				assert.NotEqual(t, task.Done, x.State())
				x.Ready()
				assert.NoError(t, x.Wait(), "the Cancel of a kept Ctx has reached it")
			}
		})
	}
}

// A member's Ctx that is kept shows the values of the group's context for good, and never those of
// another group. If the group's context has no values, the member's descriptor serves other tasks,
// and the Ctx still shows that the member has ended.
func TestKeptCtxOfMembers(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	err = s.Go(func(c *task.Ctx) {
		member := func(parent context.Context) (kept *task.Ctx) {
			g, _ := task.NewGroupContext(parent, c)
			g.Go(func(c *task.Ctx) error {
				kept = c
				return nil
			})
			assert.NoError(t, g.Wait())
			return kept
		}
		value := func(of string) context.Context { return context.WithValue(context.Background(), livesKey{}, of) }
		timed, stop := task.WithTimeout(c, time.Hour)
		defer stop()
		bare, self, a, b, late := member(context.Background()), member(c), member(value("a")), member(value("b")), member(timed)
		for range 1000 { // the descriptors serve again
			member(value("other"))
			member(c)
		}
		for _, c := range []*task.Ctx{bare, self, a, b, late} {
			assert.Equal(t, context.Canceled, c.Err())
			assert.Equal(t, context.Canceled, c.Cause())
			assert.Equal(t, task.Done, c.Task().State())
		}
		assert.Nil(t, bare.Value(livesKey{}))
		assert.Nil(t, self.Value(livesKey{}))
		assert.Equal(t, "a", a.Value(livesKey{}))
		assert.Equal(t, "b", b.Value(livesKey{}))
		var own *task.Ctx
		g, _ := task.NewGroupContext(c, c)
		g.Go(func(c *task.Ctx) error {
			own = c
			return nil
		}, task.Timeout(time.Hour))
		assert.NoError(t, g.Wait())
		for range 100 {
			member(c)
		}
		for _, c := range []*task.Ctx{late, own} {
			_, has := c.Deadline()
			assert.True(t, has)
		}
		_, has := bare.Deadline()
		assert.False(t, has)
	}).Wait()
	require.NoError(t, err)
}

// A member of a group whose context has no values sees the end of that context at once, before the
// goroutine that cancels the members has run.
func TestMembersSeeTheEndOfTheContextAtOnce(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	for range 100 {
		err = s.Go(func(parent *task.Ctx) {
			g, _ := task.NewGroupContext(parent, parent)
			var before, after error
			g.Go(func(c *task.Ctx) error {
				before = c.Err()
				parent.Cancel()
				after = c.Err()
				return nil
			})
			assert.NoError(t, g.Wait())
			assert.NoError(t, before)
			assert.Equal(t, context.Canceled, after)
		}).Wait()
		require.Equal(t, context.Canceled, err)
	}
}

// A Ctx that a program makes, as for a test without a scheduler, is that of a task that has ended.
func TestCtxOfNoTask(t *testing.T) {
	c := new(task.Ctx)
	assert.Equal(t, context.Canceled, c.Err())
	assert.Equal(t, context.Canceled, c.Cause())
	assert.True(t, c.Cancelled())
	assert.Nil(t, c.Value(livesKey{}))
	_, has := c.Deadline()
	assert.False(t, has)
	<-c.Done()
	assert.Equal(t, task.Done, c.Task().State())
	assert.NoError(t, c.Task().Wait())
	c.Cancel()
	assert.Equal(t, context.Canceled, context.WithValue(c, livesKey{}, 1).Err())
	assert.Panics(t, c.Yield, "there is no worker")
	assert.Panics(t, func() { _ = task.Sleep(c, 1) })
}

// In each round a task makes a context from its own Ctx, and another task is put under the context
// of an earlier round. The program keeps the Ctx of that one until the next round. The last Ctx
// keeps the descriptors of its chunk in memory, and so their contexts and the tasks that made
// these. It must not keep those of earlier rounds: the descriptors of the tasks that made the
// contexts are in chunks without contexts.
func TestAKeptCtxKeepsNoOthers(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	const rounds = 2000
	var kept *task.Ctx
	var made [100]context.Context // those of the last rounds, which are in other chunks
	values := make([]weak.Pointer[[64]byte], rounds)
	for i := range rounds {
		at := &made[i%len(made)]
		if *at != nil {
			require.NoError(t, s.GoContext(*at, func(c *task.Ctx) { kept = c }).Wait())
		}
		require.NoError(t, s.Go(func(c *task.Ctx) {
			v := new([64]byte)
			values[i] = weak.Make(v)
			*at = context.WithoutCancel(context.WithValue(c, livesKey{}, v))
		}).Wait())
	}
	clear(made[:])
	runtime.GC()
	runtime.GC()
	alive := 0
	for _, v := range values {
		if v.Value() != nil {
			alive++
		}
	}
	require.NotNil(t, kept.Value(livesKey{}))
	require.LessOrEqual(t, alive, 64, "contexts of %d rounds are alive", alive)
}

// In each round a task makes a group under its own Ctx, and the program keeps the Ctx of a member
// until the next round. Members' descriptors whose tasks have used their Ctx as a context stay in
// their chunk, with the group's context and the maker of the group. The last Ctx must not keep the
// memory of more than a chunk.
func TestMembersKeepNoOthers(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	var kept *task.Ctx
	live := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	rounds := func(n int) {
		require.NoError(t, s.Go(func(c *task.Ctx) {
			for range n {
				assert.NoError(t, c.Go(func(c *task.Ctx) {
					g, _ := task.NewGroupContext(c, c)
					g.Go(func(c *task.Ctx) error {
						kept = c
						c.Done()
						return nil
					})
					assert.NoError(t, g.Wait())
				}).Wait())
			}
		}).Wait())
	}
	rounds(1000)
	before := live()
	rounds(10_000)
	require.Less(t, live(), before+1<<20)
	require.Error(t, kept.Err())
}
