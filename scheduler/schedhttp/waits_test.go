package schedhttp

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// crossed starts two tasks that each hold the lock that the other one wants.
func crossed(s *scheduler.Scheduler) (x, y task.Task) {
	both := new(tsync.WaitGroup)
	both.Add(2)
	locks := new([2]tsync.Mutex)
	lock := func(name string, from, to *tsync.Mutex) task.Task {
		return s.Go(func(c *task.Ctx) {
			from.Lock()
			defer from.Unlock()
			both.Done()
			both.Wait()
			if to.LockContext(c) == nil {
				to.Unlock()
			}
		}, task.Name(name))
	}
	return lock("x", &locks[0], &locks[1]), lock("y", &locks[1], &locks[0])
}

// Cycles are marked. Objects with a task in a cycle come first, and then those with the most tasks.
// Each task can be opened.
func TestWaits(t *testing.T) {
	s := open(t, scheduler.WithSites())
	at := serve(t, Handler(s)) + "api/v1/"
	require.Equal(t, WaitList{Scheduler: "main", Objects: []*Object{}, Cycles: [][]Ref{}}, decode[WaitList](t, at+"waits"))
	ch := tsync.NewChan[int](0)
	for range 10 {
		s.Go(func(c *task.Ctx) { _, _, _ = ch.Recv(c) }, task.Name("reader"))
	}
	x, y := crossed(s)
	sleeper := s.Go(func(c *task.Ctx) { _ = c.Park() })
	var list WaitList
	testkit.Until(t, "all wait", func() bool {
		list = decode[WaitList](t, at+"waits")
		return list.Waiting == 13 && len(list.Cycles) == 1 && len(list.Objects) == 3
	})
	require.Len(t, list.Cycles[0], 2)
	require.ElementsMatch(t, []string{"x", "y"}, []string{list.Cycles[0][0].Text, list.Cycles[0][1].Text})
	other := map[string]string{"x": "y", "y": "x"}
	for _, o := range list.Objects[:2] {
		assert.Equal(t, "mutex", o.WaitsFor)
		assert.True(t, o.Cycle)
		assert.Equal(t, 1, o.Tasks)
		require.Len(t, o.First, 1)
		require.NotNil(t, o.Holder)
		assert.Equal(t, other[o.First[0].Text], o.Holder.Text)
		one := decode[TaskList](t, at+"tasks?id="+o.First[0].ID)
		require.Len(t, one.Tasks, 1)
		assert.Equal(t, o.First[0].Text, one.Tasks[0].Name)
		assert.Equal(t, o.Holder, one.Tasks[0].Holder)
		assert.Equal(t, o.Object, one.Tasks[0].Object)
		require.NotNil(t, one.Tasks[0].WaitsAt)
		assert.Contains(t, one.Tasks[0].WaitsAt.Function, "schedhttp.crossed")
		assert.Contains(t, one.Tasks[0].WaitsAt.File, "waits_test.go")
		assert.Positive(t, one.Tasks[0].WaitsAt.Line)
		require.NotNil(t, one.Tasks[0].StartedAt)
		assert.Contains(t, one.Tasks[0].StartedAt.Function, "schedhttp.crossed")
		stack := one.Tasks[0].WaitsStack
		require.Len(t, stack, 1)
		require.Equal(t, *one.Tasks[0].WaitsAt, stack[0])
		stack = one.Tasks[0].StartedStack
		require.Greater(t, len(stack), 2)
		require.Equal(t, *one.Tasks[0].StartedAt, stack[0])
		require.Contains(t, stack[1].Function, "schedhttp.crossed", "which called lock")
		require.Contains(t, stack[2].Function, "schedhttp.TestWaits")
	}
	_, body, _ := get(t, at+"tasks")
	require.NotContains(t, body, `Stack"`, "a list of many tasks has no stacks")
	o := list.Objects[2]
	assert.Equal(t, "chan receive", o.WaitsFor)
	assert.Equal(t, 10, o.Tasks)
	assert.Len(t, o.First, maxFirst)
	assert.False(t, o.Cycle)
	assert.Nil(t, o.Holder)
	assert.NotEmpty(t, o.Object)
	require.Len(t, decode[WaitList](t, at+"waits?limit=1").Objects, 1)
	code, body, _ := get(t, at+"waits?limit=0")
	require.Equal(t, http.StatusBadRequest, code)
	require.Contains(t, body, `limit="0": want a number from 1 to 1000`)

	x.Cancel()
	_, _ = x.Wait(), y.Wait()
	require.Empty(t, decode[WaitList](t, at+"waits").Cycles)
	ch.Close()
	sleeper.Ready()
}

// A scheduler that notes no waits shows none, and says how many tasks wait.
func TestWaitsUnknown(t *testing.T) {
	s := open(t)
	at := serve(t, Handler(s)) + "api/v1/"
	x, y := crossed(s)
	testkit.Until(t, "they wait", func() bool { return decode[WaitList](t, at+"waits").Waiting == 2 })
	list := decode[WaitList](t, at+"waits")
	require.Empty(t, list.Objects)
	require.Empty(t, list.Cycles)
	for _, one := range decode[TaskList](t, at+"tasks").Tasks {
		require.Empty(t, one.Object)
		require.Nil(t, one.Holder)
		require.Nil(t, one.WaitsAt)
		_, body, _ := get(t, at+"tasks?id="+one.ID)
		require.Contains(t, body, `"startedStack":[],"waitsStack":[]`)
	}
	x.Cancel()
	_, _ = x.Wait(), y.Wait()
}

// Of many tasks that wait at a lock, the one in the deadlock comes first.
func TestWaitsBehindDeadlock(t *testing.T) {
	s := open(t, scheduler.WithWaits())
	at := serve(t, Handler(s)) + "api/v1/waits"
	var locks [2]tsync.Mutex
	met := tsync.NewBarrier(2)
	cross := func(mine, other int, name string) task.Task {
		return s.Go(func(c *task.Ctx) {
			locks[mine].Lock()
			defer locks[mine].Unlock()
			_, _ = met.WaitContext(c)
			if locks[other].LockContext(c) == nil {
				locks[other].Unlock()
			}
		}, task.Name(name))
	}
	x := cross(0, 1, "x")
	testkit.Until(t, "x holds its lock", func() bool { return x.State() == task.Waiting })
	var behind []task.Task
	for range 20 {
		behind = append(behind, s.Go(func(*task.Ctx) {
			locks[0].Lock()
			defer locks[0].Unlock()
		}, task.Name("behind")))
	}
	testkit.Until(t, "they wait", func() bool { return decode[WaitList](t, at).Waiting == 21 })
	y := cross(1, 0, "y")
	var list WaitList
	testkit.Until(t, "the deadlock is seen", func() bool {
		list = decode[WaitList](t, at)
		return len(list.Cycles) == 1
	})
	o := list.Objects[0]
	require.True(t, o.Cycle)
	require.Equal(t, 21, o.Tasks)
	require.Len(t, o.First, maxFirst)
	require.Equal(t, "y", o.First[0].Text)
	require.Equal(t, "behind", o.First[1].Text)
	x.Cancel()
	for _, one := range append(behind, x, y) {
		_ = one.Wait()
	}
}
