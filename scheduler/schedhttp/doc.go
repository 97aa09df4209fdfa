// Package schedhttp shows what a scheduler does, on one web page.
//
//	http.Handle("/debug/heddle/", schedhttp.Handler(sched))
//
// The page needs no network but the one to this process. It shows
//
//   - what each worker runs now and ran in the last half minute, and how much of the time it was awake;
//   - the queues, and the latencies as they move, if the scheduler was made with
//     [scheduler.WithLatencies];
//   - who waits for whom, with deadlocks marked, if it was made with [scheduler.WithWaits];
//   - the tasks, to filter, sort and open; [scheduler.WithSites] adds where they start and wait;
//   - the stalls that a [StallLog] has kept.
//
// It also fetches profiles, traces and dumps. Press ? for its keys. Command top shows the same
// numbers in a terminal:
//
//	go run github.com/heddle-go/heddle/scheduler/schedhttp/top http://localhost:6060/debug/heddle/
//
// # The interface below the page
//
// These paths are relative to where the handler is mounted. They take GET and answer with JSON
// unless said otherwise. The parameter s names the scheduler; without it the first one is meant.
// Durations are in milliseconds. New fields may be added; fields are not renamed.
//
//   - api/v1/sample: a [Sample]
//   - api/v1/events: server-sent events, each a [Sample], four times a second
//   - api/v1/tasks: a [TaskList]; parameters name (a part of the name), state, waits (a part of what
//     the task waits for), id (of one task), sort (waited, name, state or worker), reverse (1 for the
//     other direction) and limit (1 to 1000, default 100)
//   - api/v1/groups: a [GroupList], the largest groups first; parameter limit
//   - api/v1/waits: a [WaitList]; parameter limit
//   - api/v1/stalls: a [StallList], of all schedulers that add to the handler's [StallLog]
//   - api/v1/dump: the text of [scheduler.Scheduler.Dump]; with groups=1 that of DumpGroups
//   - api/v1/profile, api/v1/trace: a CPU profile and an execution trace of the process; parameter
//     seconds (1 to 60, default 5)
//   - api/v1/waitprofile: a profile of what tasks have waited for, of the scheduler's whole life, with
//     [scheduler.WithWaitProfile]; open it with go tool pprof
//   - api/v1/pause, api/v1/resume: POST; forbidden without [AllowPause]
//
// # What it costs, and what it does not promise
//
// Without viewers the handler does nothing. With viewers, one goroutine reads the counters four
// times a second, for all of them. A list of tasks reads every task once, one list at a time; it
// keeps no more tasks in memory than it returns. The page asks less often if lists take long. There
// are at most 32 viewers of events. A viewer that reads too slowly gets the latest sample and misses
// the ones before; one that reads nothing for 10 seconds is dropped, whatever it has asked for.
//
// The page is for people with access to the process: it shows the names of tasks, and profiles show
// the names of functions. It shows no arguments and no memory. It has no passwords of its own; do
// not offer it to the public.
package schedhttp
