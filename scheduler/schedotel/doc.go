// Package schedotel shows schedulers to OpenTelemetry: their counters as metrics, and on request a
// span for each task.
//
//	reg, err := schedotel.Register(otel.Meter("requests"), "requests", sched)
//	...
//	defer reg.Unregister()
//
//	spans := schedotel.NewSpans(otel.Tracer("requests"), sched)
//	spans.GoContext(ctx, handle, task.Name("handle"))
//
// # Metrics
//
// The metrics are asynchronous instruments with the attribute heddle.scheduler. They are read from
// [scheduler.Stats], which says what they mean, once each collection, however many there are. The
// workers pay nothing for it.
//
// # Latencies
//
// A scheduler with [scheduler.WithLatencies] has histograms, too. OpenTelemetry has no asynchronous
// instrument for histograms, so they come from a [sdkmetric.Producer], which the program gives to
// its reader. They are exponential histograms of scale 3, in seconds:
//
//	reader := sdkmetric.NewPeriodicReader(exporter,
//		sdkmetric.WithProducer(schedotel.NewProducer("requests", sched)))
//
// # Spans
//
// A span costs what the tracer costs, so only the tasks that a [Spans] starts have one.
// The span begins when the task is submitted and ends when its function returns. Its event
// heddle.run marks when the task began to run, so the time before is what it waited in the queue.
// The span's parent is the span of the context that the task was given, and inside the task, the
// task's Ctx has the span, for [trace.SpanFromContext] and for tasks that this one starts with
// GoContext. If a task has ended without running by the time that GoContext returns, because the
// scheduler refused it or its context had ended, its span has no such event, and the reason as its
// error. A task that is cancelled later, while it is queued, has no span.
//
// The package is a module of its own, so that heddle itself needs nothing of OpenTelemetry.
//
// [sdkmetric.Producer]: https://pkg.go.dev/go.opentelemetry.io/otel/sdk/metric#Producer
package schedotel
