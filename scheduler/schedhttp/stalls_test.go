package schedhttp

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A stall appears in the list, and the newest comes first.
func TestStalls(t *testing.T) {
	var log StallLog
	s := open(t, scheduler.WithStallAfter(10*time.Millisecond), scheduler.WithStallHandler(log.Add))
	require.Equal(t, StallList{Stalls: []Stall{}}, decode[StallList](t, serve(t, Handler(s))+"api/v1/stalls"), "no log")
	at := serve(t, Handler(s, Stalls(&log))) + "api/v1/stalls"
	require.Equal(t, StallList{Kept: true, Stalls: []Stall{}}, decode[StallList](t, at))
	release := make(chan struct{})
	hog := s.Go(func(*task.Ctx) { <-release }, task.Name("hog"))
	var list StallList
	testkit.Until(t, "the stall is reported", func() bool {
		list = decode[StallList](t, at)
		return len(list.Stalls) > 0
	})
	close(release)
	require.NoError(t, hog.Wait())
	x := list.Stalls[0]
	require.Equal(t, "hog", x.Name)
	require.Contains(t, []int{0, 1}, x.Worker)
	require.GreaterOrEqual(t, x.AgeMS, 10.0)
	require.Positive(t, x.At)
	require.Contains(t, x.Stack, "schedhttp.TestStalls")
	behind := s.Go(func(*task.Ctx) {}, task.Name("behind"))
	log.Add(scheduler.Stall{Name: "later", Stack: strings.Repeat("ä", maxStack), Queued: 3, Behind: []scheduler.TaskInfo{{Task: behind}}})
	list = decode[StallList](t, at)
	require.Equal(t, "later", list.Stalls[0].Name)
	require.Equal(t, strings.Repeat("ä", maxStack/2), list.Stalls[0].Stack)
	require.Equal(t, 3, list.Stalls[0].Queued)
	require.Equal(t, []string{"behind"}, list.Stalls[0].Behind)
	require.Equal(t, "hog", list.Stalls[len(list.Stalls)-1].Name)
}

// Each stall has the name of its scheduler, if the page shows that scheduler.
func TestStallsOfSeveralSchedulers(t *testing.T) {
	a, b, other := open(t), open(t), open(t)
	var log StallLog
	for _, s := range []*scheduler.Scheduler{a, b, other} {
		x := s.Go(func(*task.Ctx) {})
		require.NoError(t, x.Wait())
		log.Add(scheduler.Stall{Task: x})
	}
	log.Add(scheduler.Stall{})
	at := serve(t, Handler(a, Name("<a>"), Also("b", b), Stalls(&log))) + "api/v1/stalls"
	var names []string
	for _, x := range decode[StallList](t, at).Stalls {
		names = append(names, x.Scheduler)
	}
	require.Equal(t, []string{"", "", "b", "<a>"}, names)
}

// However many stalls there are, the log keeps the last ones.
func TestStallsAreBounded(t *testing.T) {
	var log StallLog
	for i := range 10 * maxStalls {
		log.Add(scheduler.Stall{Name: strconv.Itoa(i)})
	}
	require.Len(t, log.last, maxStalls)
	require.Equal(t, strconv.Itoa(10*maxStalls-1), log.last[maxStalls-1].Name)
	require.Equal(t, strconv.Itoa(9*maxStalls), log.last[0].Name)
}
