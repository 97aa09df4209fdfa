// Package schednats runs jobs from NATS JetStream on heddle's schedulers, for work that has
// outgrown one machine. JetStream keeps the jobs and hands them out. Each worker process runs
// them as tasks of its own scheduler.
//
//	q, err := schednats.Create[Tile, Pixels](ctx, js, schednats.Config{Name: "tiles"})
//	err = q.Submit(ctx, schednats.Job[Tile]{Batch: "monday", ID: "0-0", Value: Tile{0, 0}})
//
// A worker process serves the queue until its context ends:
//
//	q, err := schednats.Bind[Tile, Pixels](ctx, js, "tiles")
//	err = q.Serve(ctx, sched, render, schednats.Options{Prefetch: 64})
//
// # A job's life
//
// Submit stores a job under its batch and ID. The server delivers it to one of the processes that
// serve the queue, and expects a sign of life every Config.AckWait. Serve gives that sign for every
// job that it holds, so a job may run for hours. When the handler returns, Serve records the result
// under the job's batch and ID, but only if nothing is recorded there yet. Then it acknowledges the
// job, and the server forgets it. Results reads what was recorded.
//
// # Guarantees
//
//   - A job that Submit has accepted is executed at least once, or is dropped by Drop, or becomes a
//     dead letter.
//   - At most one outcome is recorded for a job: the first. Serve counts later ones and refuses
//     them.
//   - Serve holds at most Options.Prefetch jobs, queued, running or waiting to be recorded.
//   - The job and result streams refuse new messages when they are full. They never drop old ones.
//
// # Not guaranteed
//
//   - That a job is executed once. If a process dies, is frozen or is cut off for AckWait, the job
//     is delivered again, and both executions may run to the end. The effects of a handler other
//     than its result happen once for each execution, so they must be idempotent.
//   - Any order of jobs. Job.Priority orders the jobs that a process holds, not the backlog.
//   - That a job submitted a second time is not executed. The server knows the IDs of the last
//     Config.Duplicates, but after a restart only those of jobs that are not done. The second
//     outcome is refused all the same.
//   - Anything that the server itself does not keep: a server that is not replicated loses what
//     was written in the seconds before its machine lost power.
//
// # What failures do
//
//   - The handler returns an error or panics: the job is delivered again after a back-off, and
//     after Options.MaxDeliver deliveries it becomes a dead letter.
//   - A process is killed or frozen: its jobs are delivered again after AckWait. These deliveries
//     count too, so that a job that kills its process becomes a dead letter.
//   - The server is away: running jobs go on, and Serve keeps their results and records them when
//     the server is back. No new jobs come meanwhile. Connect with nats.MaxReconnects(-1).
//   - The result stream is full: results are kept and tried again with a back-off. The held jobs
//     fill the prefetch, so the process takes no more jobs.
//   - A result is larger than the server's max_payload: the job becomes a dead letter.
//   - Garbage on the job subject: it becomes a dead letter without being run.
package schednats
