package scheduler

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Sites are in code of users. That includes tests, examples, and the packages of this module that
// are built on the library.
func TestOurs(t *testing.T) {
	const heddle = "github.com/heddle-go/heddle/"
	for function, want := range map[string]bool{
		heddle + "scheduler.(*Scheduler).Go":           true,
		heddle + "task.(*Ctx).Park":                    true,
		heddle + "task/tsync.(*Chan[...]).Recv":        true,
		heddle + "task/parallel.Do.func1":              true,
		heddle + "internal/wait.(*Caller).Wait":        true,
		"runtime.goexit":                               true,
		"iter.Pull[...].func1":                         true,
		heddle + "scheduler_test.TestX":                false,
		heddle + "task/tsync_test.TestX":               false,
		heddle + "scheduler/schedhttp.(*handler).x":    false,
		heddle + "examples/hello.main":                 false,
		"main.main":                                    false,
		"main.(*scheduler).Go":                         false,
		"runtime/debug.FreeOSMemory":                   false,
		"example.org/iter.Pull":                        false,
		"example.org/scheduler.(*Scheduler).Go":        false,
		"github.com/heddle-go/heddles/scheduler.New":   false,
		"github.com/other/heddle/scheduler.(*S).Go":    false,
		"github.com/heddle-go/heddle.init":             false,
		"github.com/heddle-go/heddle/schedulers.New.x": false,
		"": false,
	} {
		require.Equal(t, want, oursIs(function), function)
	}
}

// Files of the library are told apart from its tests, from other packages of the module, and from
// files of users.
func TestFileIsOurs(t *testing.T) {
	for file, want := range map[string]bool{
		"task/tsync/chan.go":             true,
		"scheduler/look.go":              true,
		"internal/rt/park.go":            true,
		"scheduler/sites_test.go":        false,
		"scheduler/schedhttp/handler.go": false,
		"examples/hello/main.go":         false,
		"doc.go":                         false,
	} {
		require.Equal(t, want, fileIsOurs(moduleRoot+file), file)
		require.False(t, fileIsOurs("/elsewhere/"+file), file)
	}
	require.True(t, moduleRoot != "" && strings.HasSuffix(moduleRoot, "/"), moduleRoot)
}

// WaitPlaces adds up the waits of a line, by what they were for, and ranks them by their time.
func TestPlacesOfAProfile(t *testing.T) {
	var p waitProfile
	require.Empty(t, p.places())
	for range 3 {
		p.add(1, rt.WaitMutex, 1, 100)
		p.add(1, rt.WaitEvent, 2, 400)
	}
	p.more = waitCount{5, 100}
	var got []WaitPlace
	for _, x := range p.places() {
		x.At = Site{}
		got = append(got, x)
	}
	require.Equal(t, []WaitPlace{
		{WaitsFor: "event", Waits: 6, Waited: 1200},
		{WaitsFor: "mutex", Waits: 3, Waited: 300},
		{WaitsFor: moreStacks, Waits: 5, Waited: 100},
	}, got)
}

// A forked call that another worker took has no place at which it was started: the caller of
// stolenExtra is the thief.
func TestStacksOfAStolenCall(t *testing.T) {
	s, err := New(WithWorkers(1), WithSites())
	require.NoError(t, err)
	defer s.Close()
	parent := new(rt.Task)
	parent.Start(func(*task.Ctx) {}, nil)
	require.NotZero(t, s.born(nil, parent).Look.Started, "this test starts it")
	f := &rt.Frame{Forker: parent}
	k := s.stolenExtra(f).Look
	require.Equal(t, f, k.Frame)
	require.Zero(t, k.Started)
	require.Zero(t, k.Stacks.Started)
}
