package look

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
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
		"internal/look/sites.go":         true,
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

// Places adds up the waits of a line, by what they were for, and ranks them by their time.
func TestPlacesOfAProfile(t *testing.T) {
	var p WaitProfile
	require.Empty(t, p.Places())
	for range 3 {
		p.Add(1, rt.WaitMutex, 1, 100)
		p.Add(1, rt.WaitEvent, 2, 400)
	}
	p.more = waitCount{5, 100}
	var got []Place
	for _, x := range p.Places() {
		x.At = 0
		got = append(got, x)
	}
	require.Equal(t, []Place{
		{WaitsFor: "event", Waits: 6, Waited: 1200},
		{WaitsFor: "mutex", Waits: 3, Waited: 300},
		{WaitsFor: moreStacks, Waits: 5, Waited: 100},
	}, got)
}
