// Package schedhttp shows what a scheduler does, on one web page.
//
//	http.Handle("/debug/heddle/", schedhttp.Handler(sched))
//
// The page needs no network connection except to this process. It shows
//
//   - what each worker runs now and ran in the last half minute, and how much of the time it was
//     awake;
//   - the queues, and if the scheduler was made with [scheduler.WithLatencies], the latencies of
//     the last seconds;
//   - if the scheduler was made with [scheduler.WithWaits], which tasks wait for which, with
//     deadlocks marked;
//   - if it was made with [scheduler.WithWaitProfile], the places in the program at which tasks
//     have waited longest;
//   - the tasks, to filter, sort and open; with [scheduler.WithSites], also the stacks with which
//     they were started and wait;
//   - the stalls that a [StallLog] has kept.
//
// It also fetches profiles, traces and dumps. Press ? for its keys. Command top shows the same
// numbers in a terminal:
//
//	go run github.com/heddle-go/heddle/scheduler/schedhttp/top http://localhost:6060/debug/heddle/
//
// # The interface below the page
//
// These paths are relative to where the handler is mounted. They take GET and answer with JSON,
// except where the list says otherwise. The parameter s names the scheduler. Without s, a path is
// about the scheduler that Handler was given. Durations are in milliseconds. New fields may be
// added; fields are not renamed.
//
//   - api/v1/sample: a [Sample]
//   - api/v1/events: server-sent events, each a [Sample], four times a second
//   - api/v1/tasks: a [TaskList]; parameters name (a part of the name), state, waits (a part of
//     what the task waits for), id (of one task, which then has its stacks), sort (waited, name,
//     state or worker), reverse (1 for the other direction) and limit (1 to 1000, default 100)
//   - api/v1/groups: a [GroupList], the largest groups first; parameter limit
//   - api/v1/waits: a [WaitList]; parameter limit
//   - api/v1/places: a [PlaceList]; parameter limit
//   - api/v1/stalls: a [StallList], of all schedulers that add to the handler's [StallLog]
//   - api/v1/dump: the text of [scheduler.Scheduler.Dump]; with groups=1 that of DumpGroups
//   - api/v1/profile, api/v1/trace: a CPU profile and an execution trace of the process; parameter
//     seconds (1 to 60, default 5)
//   - api/v1/waitprofile: a profile of what tasks have waited for in the scheduler's whole life, if
//     it was made with [scheduler.WithWaitProfile]; open it with go tool pprof
//   - api/v1/pause, api/v1/resume: POST; forbidden without [AllowPause]
//
// # What it costs, and what it does not promise
//
// Without viewers the handler does nothing. With viewers, one goroutine reads the counters four
// times a second, for all of them. To list tasks, the handler reads every task once, for one list
// at a time. It keeps no more tasks in memory than it returns, and no more than 100,000 groups of
// tasks, or objects at which tasks wait. If lists take long, the page asks for them less often.
// There are at most 32 viewers of events. A viewer that reads too slowly gets the latest sample and
// misses the ones before. The handler drops any client that reads nothing for 10 seconds. It sends
// at most 32 lists at a time, and one dump, which it ends after two minutes.
//
// The page is for people with access to the process: it shows the names of tasks, and profiles show
// the names of functions. It shows no arguments and no memory. It has no passwords of its own; do
// not offer it to the public.
package schedhttp
