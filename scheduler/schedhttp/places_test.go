package schedhttp

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// The places at which tasks have waited longest come first, with their share of all waits.
func TestPlaces(t *testing.T) {
	s, silent := open(t, scheduler.WithWaitProfile(1)), open(t)
	at := serve(t, Handler(s, Also("silent", silent))) + "api/v1/places"
	require.Equal(t, PlaceList{Scheduler: "main", Sampled: true, Places: []WaitPlace{}}, decode[PlaceList](t, at))
	require.Equal(t, PlaceList{Scheduler: "silent", Places: []WaitPlace{}}, decode[PlaceList](t, at+"?s=silent"))
	ch := tsync.NewChan[int](0)
	var e tsync.Event
	var ts []task.Task
	for range 3 {
		ts = append(ts, s.Go(func(c *task.Ctx) { _, _, _ = ch.Recv(c) }), s.Go(func(*task.Ctx) { e.Wait() }))
	}
	testkit.Until(t, "all wait", func() bool { return s.Stats().Parks >= 6 })
	ch.Close()
	e.Set()
	for _, x := range ts {
		require.NoError(t, x.Wait())
	}
	list := decode[PlaceList](t, at)
	require.EqualValues(t, 6, list.Waits)
	require.Len(t, list.Places, 2)
	first, second := list.Places[0], list.Places[1]
	require.GreaterOrEqual(t, first.WaitedMS, second.WaitedMS)
	require.InDelta(t, list.WaitedMS, first.WaitedMS+second.WaitedMS, 1e-6)
	require.InDelta(t, 1, first.Share+second.Share, 1e-6)
	require.InDelta(t, first.WaitedMS/list.WaitedMS, first.Share, 1e-6)
	require.ElementsMatch(t, []string{"chan receive", "event"}, []string{first.WaitsFor, second.WaitsFor})
	for _, p := range list.Places {
		require.EqualValues(t, 3, p.Waits)
		require.Contains(t, p.At.Function, "schedhttp.TestPlaces")
		require.Contains(t, p.At.File, "places_test.go")
		require.Positive(t, p.At.Line)
	}
	one := decode[PlaceList](t, at+"?limit=1")
	require.Equal(t, list.Places[:1], one.Places)
	require.Equal(t, list.WaitedMS, one.WaitedMS, "also of the places that are left out")
	for _, bad := range []string{"limit=0", "limit=1001", "limit=x"} {
		code, body, _ := get(t, at+"?"+bad)
		require.Equal(t, http.StatusBadRequest, code)
		require.Contains(t, body, "want a number from 1 to 1000")
	}
	code, _, _ := get(t, at+"?s=none")
	require.Equal(t, http.StatusNotFound, code)
}
